"""Places of a CTSimU scenario by its official toolbox, as JSON: in a process of its own, FILE.json."""

import json
import sys
from copy import deepcopy

from ctsimu.geometry import ctsimu_world
from ctsimu.scenario import Scenario

scenario = Scenario(sys.argv[1])
scenario.set_frame(frame=int(sys.argv[2]) if len(sys.argv) > 2 else 0)


def places(of):
    """Origin and axes of a coordinate system."""
    return {
        key: [getattr(of, key).x(), getattr(of, key).y(), getattr(of, key).z()] for key in ("center", "u", "v", "w")
    }


found = {name: places(getattr(scenario, name).coordinate_system) for name in ("detector", "source", "stage")}
found["samples"] = []
for sample in scenario.samples:
    system = sample.coordinate_system
    if sample.attached_to_stage:
        system = deepcopy(system)
        system.change_reference_frame(scenario.stage.coordinate_system, ctsimu_world)
    found["samples"].append(places(system))
print("FRAMES " + json.dumps(found))
