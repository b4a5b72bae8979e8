"""The network interface card: board, parts, connectors, routing and how they are drawn."""
