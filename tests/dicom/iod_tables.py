"""The standard's own tables as a judge of our objects: DICOM PS3.3 (objects, modules, types), out of two packages.

`highdicom` carries modules and types of a recent edition, `dicom-standard` the words of the edition of 2020: what is
required if what, and which values are enumerated. `dicom-validator` understands those words and does the judging; by
itself it would fetch the standard. All three are for tests only and are installed by `.ci/run`.
"""

from __future__ import annotations

import json
import re
from functools import cache
from html import unescape
from importlib.metadata import PackageNotFoundError, files, version
from pathlib import Path
from typing import Any

import pytest
from pydicom.datadict import DicomDictionary, tag_for_keyword
from pydicom.dataset import Dataset

PROGRAMS = ("highdicom", "dicom-standard", "dicom-validator")
_ENUMERATED = re.compile(r"<strong>\s*(Enumerated Values[^<]*)</strong>.*?<dl>(.*?)</dl>", re.DOTALL)
_TERM = re.compile(r"<dt>\s*<span>(.*?)</span>", re.DOTALL)
_OF_VALUE = re.compile(r"for Value (\d)")
_CONDITION = re.compile(r" (?:if|when) (.*?):?\s*$")


def complaints(dataset: Dataset) -> list[str]:
    """What of a data set is not as the tables say, `module: attribute: why`; skips where they are missing."""
    _skip_without()
    info = _read_tables()
    from dicom_validator.validator.error_handler import NullValidationResultHandler, ValidationResultFormatter
    from dicom_validator.validator.iod_validator import IODValidator

    result = IODValidator(dataset, info, error_handler=NullValidationResultHandler()).validate()
    assert result.status.name in ("Passed", "Failed"), result.status  # it knew what it looked at
    words = ValidationResultFormatter(info.dictionary)
    known = {tag for name in info.iods[dataset.SOPClassUID]["modules"] for tag in info.modules[name]}
    return [
        f"{module}: {_path(tag)}{words.error_message(error)}"
        for module, errors in result.module_errors.items()
        for tag, error in errors.items()
        # of two optional modules that share all attributes present, the validator takes neither
        if module != "General" or tag.parents or _tag_text(tag.tag) not in known
    ]


@cache
def basic_profile() -> dict[int, str]:
    """What the basic confidentiality profile does with attributes: DICOM PS3.15 table E.1-1, by tag."""
    _skip_without()
    rows = _tables_of("dicom-standard")["confidentiality_profile_attributes"]
    return {int(row["id"], 16): row["basicProfile"] for row in rows if re.fullmatch("[0-9a-f]{8}", row["id"])}


def _skip_without() -> None:
    for name in PROGRAMS:
        try:
            version(name)
        except PackageNotFoundError:
            pytest.skip(f"the standard's tables cannot be asked: {name} is not installed")


@cache
def attribute_count() -> tuple[int, int, int]:
    """Attributes of the DX object in the tables, how many of them have a condition, and how many enumerated values."""
    flat = [each for module in _read_tables().modules.values() for each in _flat(module)]
    return len(flat), sum("cond" in each for each in flat), sum("enums" in each for each in flat)


@cache
def _read_tables() -> Any:
    """The tables in the form of `dicom-validator`."""
    from dicom_validator.spec_reader.condition_parser import ConditionParser
    from dicom_validator.validator.dicom_info import DicomInfo

    recent, worded = (_tables_of(name) for name in PROGRAMS[:2])
    of_class, modules_of, attributes_of = (
        recent[name] for name in ("sop_class_iod_map", "iod_module_map", "module_attribute_map")
    )
    dictionary = {
        _tag_text(tag): {"name": name, "vr": vr, "vm": vm, "prop": keyword}
        for tag, (vr, vm, name, _, keyword) in DicomDictionary.items()
    }
    parser = ConditionParser(dictionary)
    kinds = {iod for uid, iod in of_class.items() if iod in ("digital-x-ray-image", "x-ray-radiofluoroscopic-image")}
    needed = {module["key"] for kind in kinds for module in modules_of[kind]}
    words = {
        (each["moduleId"], *each["path"].split(":")[1:]): each["description"]
        for each in worded["module_to_attributes"]
        if each["moduleId"] in needed
    }
    required = {(each["ciodId"], each["moduleId"]): each["conditionalStatement"] for each in worded["ciod_to_modules"]}
    iods: dict[str, Any] = {}
    for uid, kind in of_class.items():
        if kind in kinds:
            modules = {}
            for module in modules_of[kind]:
                name = module["key"]
                modules[name] = {"ref": name, "use": module["usage"]}
                if module["usage"] == "C":
                    modules[name]["cond"] = parser.parse(_plain(required.get((kind, name)) or "")).result_dict()
            iods[uid] = {"title": kind, "modules": modules, "group_macros": {}}
    described = {name: _module(name, attributes_of[name], words, parser, dictionary) for name in needed}
    return DicomInfo(dictionary, iods, described)


def _module(
    name: str, rows: list[dict[str, Any]], words: dict[tuple[str, ...], str], parser: Any, dictionary: dict[str, Any]
) -> dict[str, Any]:
    """Attributes of a module by tag, those of sequences within `items`."""
    top: dict[str, Any] = {}
    for row in rows:
        level = top
        tags = [_tag_text(tag) for tag in map(tag_for_keyword, (*row["path"], row["keyword"])) if tag is not None]
        if len(tags) != len(row["path"]) + 1:
            continue  # an attribute that this pydicom does not know
        for tag in tags[:-1]:
            level = level.setdefault(tag, {"name": "", "type": "3"}).setdefault("items", {})
        tag, kind = tags[-1], row["type"]
        level[tag] = {**level.get(tag, {}), "name": dictionary[tag]["name"], "type": kind}
        html = words.get((name, *(re.sub(r"\W", "", each).lower() for each in tags)), "")
        if kind in ("1C", "2C", "3"):
            condition = parser.parse(_plain(html))
            if not condition.type.user_defined:
                level[tag]["cond"] = condition.result_dict()
        if enumerated := _enumerated(html, dictionary[tag]["vr"], parser):
            level[tag]["enums"] = enumerated
    return top


def _enumerated(html: str, vr: str, parser: Any) -> list[dict[str, Any]]:
    """Enumerated values of a description; those of one of several values, or under a condition, say so."""
    found: list[dict[str, Any]] = []
    if vr == "AT":
        return found  # tags, written as such in the tables
    for title, listed in _ENUMERATED.findall(html):
        terms: list[Any] = [_plain(term) for term in _TERM.findall(listed)]
        if vr in ("US", "SS", "UL", "SL", "IS", "DS"):
            terms = [int(term[:-1], 16) if term.endswith("H") else float(term) for term in terms]
        entry: dict[str, Any] = {"val": terms}
        if of_value := _OF_VALUE.search(title):
            entry["index"] = int(of_value[1])
        if condition := _CONDITION.search(_plain(title)):
            entry["cond"] = parser.parse(f"Required if {condition[1]}.").result_dict()
        found.append(entry)
    return found


def _tables_of(name: str) -> dict[str, Any]:
    """JSON files of an installed package by their names."""
    wanted = {
        "sop_class_iod_map",
        "iod_module_map",
        "module_attribute_map",
        "module_to_attributes",
        "ciod_to_modules",
        "confidentiality_profile_attributes",
    }
    return {
        Path(file).stem: json.loads(Path(file.locate()).read_text(encoding="utf-8"))
        for file in files(name) or ()
        if Path(file).suffix == ".json" and Path(file).stem in wanted
    }


def _plain(html: str) -> str:
    """A description as a line of text."""
    text = " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())
    return re.sub(r" ([.,;:)])", r"\1", text).replace("( ", "(")


def _tag_text(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _path(tag: Any) -> str:
    from pydicom.datadict import keyword_for_tag

    return ".".join(keyword_for_tag(each) or str(each) for each in (*(tag.parents or ()), tag.tag))


def _flat(module: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for attribute in module.values():
        found += [attribute, *_flat(attribute.get("items", {}))]
    return found
