"""Runs every exported model in Python's onnxruntime over its golden and held-out rows, and compares with the stored answers.

Reads model.yaml as the service does: how features become tensors, what is inferred, the expressions of `prediction` (the few
used here are valid Python too). Exit code 1 when anything differs.
"""

import csv
import json
import sys
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import yaml

import common

DTYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(bool)": bool,
    "tensor(string)": object,
}
EXPRESSION_NAMES = {"math": SimpleNamespace(round=common.round_half_away, greatest=max), "int": int}


def main():
    problems = []
    for folder in sorted((common.EXAMPLES / "models").glob("*/*/")):
        problems += verify_version(folder.parent.name, folder)
    problems += verify_requests()
    for problem in problems:
        print("PROBLEM", problem)
    sys.exit(1 if problems else 0)


def verify_version(model_id, folder):
    manifest = yaml.safe_load((folder / "model.yaml").read_text(encoding="utf-8"))
    held_out = json.loads((common.EXAMPLES / "heldout" / f"{model_id}.json").read_text(encoding="utf-8"))["versions"][folder.name]
    stored = [with_profile(row) for row in held_out.get("stored_rows", [])]
    graph = (folder / "model.onnx").read_bytes()
    problems = []
    for kind, rows in {"golden": manifest["examples"], "held-out": held_out["rows"], "stored": stored}.items():
        if not rows:
            continue
        tolerances = [row.get("tolerance", held_out["tolerance"]) for row in rows]
        together = predict(manifest, graph, [row["features"] for row in rows])
        alone = [predict(manifest, graph, [row["features"]])[0] for row in rows]
        largest = 0.0
        for number, (row, tolerance) in enumerate(zip(rows, tolerances)):
            for got in (together[number], alone[number]):
                difference = compare(got, row["prediction"])
                largest = max(largest, difference)
                if difference > tolerance:
                    problems.append(f"{model_id} {folder.name} {kind} row {number}: got {got}, expected {row['prediction']}")
        print(f"{model_id} {folder.name}: {len(rows)} {kind} rows, largest difference {largest:.1e}, tolerance {max(tolerances):.2e}")
    return problems


def verify_requests():
    """Every request names features that its model knows, and no others."""
    problems = []
    for path in sorted((common.EXAMPLES / "requests").glob("*.json")):
        request = json.loads(path.read_text(encoding="utf-8"))
        folder = common.EXAMPLES / "models" / request["model_id"]
        version = yaml.load((folder / "aliases.yaml").read_text(encoding="utf-8"), yaml.BaseLoader)["production"]
        manifest = yaml.safe_load((folder / version / "model.yaml").read_text(encoding="utf-8"))
        for instance in request.get("instances", [request]):
            features = with_profile(instance)["features"]
            if sorted(features) != sorted(feature["name"] for feature in manifest["features"]):
                problems.append(f"{path.name}: other features than the model's")
            else:
                prediction = predict(manifest, (folder / version / "model.onnx").read_bytes(), [features])[0]
                print(f"{path.name}: {json.dumps(prediction)}")
    return problems


def with_profile(row):
    """The row with the stored features of its applicant, as the import file has them."""
    applicant = row.get("entities", {}).get("applicant_id")
    if applicant is None:
        return row
    with (common.EXAMPLES / "features" / "applicant_profile.csv").open(newline="", encoding="utf-8") as file:
        profile = next(line for line in csv.DictReader(file) if line["applicant_id"] == applicant)
    stored = {name: json.loads(profile[name]) for name in profile if name not in ("applicant_id", "updated_at")}
    return {**row, "features": {**row["features"], **stored}}


def predict(manifest, graph, rows):
    for row in rows:
        check_features(manifest["features"], row)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    outputs = common.run_graph(graph, feeds(manifest, session.get_inputs(), rows))
    classes = classes_of(graph, manifest)
    return [predict_row(manifest, classes, outputs, number) for number in range(len(rows))]


def check_features(features, row):
    assert set(row) == {feature["name"] for feature in features}
    for feature in features:
        cells = row[feature["name"]] if "shape" in feature else [row[feature["name"]]]
        assert len(cells) == np.prod(feature.get("shape", [1])), feature["name"]
        for cell in cells:
            if cell is None:
                assert feature.get("nullable"), feature["name"]
                continue
            types = {"number": (int, float), "integer": int, "boolean": bool, "string": str}[feature["type"]]
            assert isinstance(cell, types) and (feature["type"] == "boolean" or not isinstance(cell, bool)), feature["name"]
            assert "enum" not in feature or cell in feature["enum"], feature["name"]
            assert feature.get("min", cell) <= cell <= feature.get("max", cell), feature["name"]


def feeds(manifest, inputs, rows):
    names = [feature["name"] for feature in manifest["features"]]
    if "inputs" in manifest:
        columns = manifest["inputs"]
    elif {graph_input.name for graph_input in inputs} == set(names):
        columns = {name: [name] for name in names}
    else:
        columns = {inputs[0].name: names}
    tensors = {}
    for graph_input in inputs:
        null = "" if graph_input.type == "tensor(string)" else float("nan")
        cells = [[row[name] for name in columns[graph_input.name]] for row in rows]
        filled = [[null if cell is None else cell for cell in row] for row in cells]
        tensors[graph_input.name] = np.array(filled, dtype=DTYPES[graph_input.type]).reshape(len(rows), -1)
    return tensors


def classes_of(graph, manifest):
    """The classes of the manifest, else those of the graph's ZipMap; None for a regression."""
    if "classes" in manifest:
        return manifest["classes"]
    for node in onnx.load_from_string(graph).graph.node:
        if node.op_type == "ZipMap":
            attribute = node.attribute[0]
            return [name.decode() for name in attribute.strings] or list(attribute.ints)
    return None


def predict_row(manifest, classes, outputs, number):
    row = {name: cell_or_list(value[number]) for name, value in outputs.items()}
    if "prediction" in manifest:
        return {name: eval(text, {**EXPRESSION_NAMES, "__builtins__": {}}, row) for name, text in manifest["prediction"].items()}
    if classes is None:
        return {"value": next(iter(row.values()))}
    label, probabilities = row.values()
    return {"label": label, "probabilities": common.probabilities_by_class(classes, probabilities)}


def cell_or_list(value):
    """One row of an output: [N] and [N, 1] give a scalar, [N, C] a list."""
    flat = np.asarray(value).ravel().tolist()
    return flat[0] if len(flat) == 1 else flat


def compare(got, want):
    """The largest difference by the tolerance rule; infinite where a name, a label or an integer differs."""
    if isinstance(want, dict):
        return max(compare(got[name], want[name]) for name in want) if got.keys() == want.keys() else float("inf")
    if isinstance(want, float):
        return common.deviation(got, want)
    return 0.0 if got == want else float("inf")


if __name__ == "__main__":
    main()
