// Curves of the report: each plot is a title, axes and traces, drawn in the colours of the page.
"use strict";
(function () {
  const plots = JSON.parse(document.getElementById("plots").textContent);

  function layout(plot) {
    const said = getComputedStyle(document.documentElement);
    const ink = said.getPropertyValue("--ink").trim(), line = said.getPropertyValue("--line").trim();
    const narrow = window.innerWidth < 640;
    return {
      title: { text: plot.title, font: { size: 15 } },
      font: { color: ink, family: "system-ui, sans-serif", size: 12 },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      margin: { l: 58, r: 10, t: 36, b: narrow ? 110 : 84 },
      xaxis: { title: { text: plot.x_title }, type: plot.x_type || "linear", range: plot.x_range, gridcolor: line, zerolinecolor: line },
      yaxis: { title: { text: plot.y_title }, type: plot.y_type, range: plot.y_range, gridcolor: line,
               zerolinecolor: line, exponentformat: "power", automargin: true, rangemode: "tozero" },
      legend: { orientation: "h", y: narrow ? -0.42 : -0.24, font: { size: 11 } },
      hovermode: "x unified",
      hoverlabel: { bgcolor: said.getPropertyValue("--card").trim(), font: { color: ink } },
    };
  }

  function draw() {
    for (const plot of plots) {
      Plotly.react("plot-" + plot.key, plot.traces, layout(plot), { responsive: true, displaylogo: false,
        displayModeBar: false });
    }
  }

  draw();
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  window.addEventListener("beforeprint", function () {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
})();
