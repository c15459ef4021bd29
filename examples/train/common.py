"""What the four training scripts share: writing models, manifests and held-out rows, and measuring the exporter's loss.

An expected answer always comes from the training library. onnxruntime is used for one thing only: to measure how far the
exported graph is from the library.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import yaml
from onnx.helper import make_opsetid

EXAMPLES = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(EXAMPLES.parent / "tools"))
from explain_sidecar import make_sidecar, write_background, write_sidecar  # noqa: E402

HELD_OUT_ROWS = 40
BASE_TOLERANCE = 1e-6
TARGET_OPSET = {"": 17, "ai.onnx.ml": 3}


def measure_loss(onnx_model, feeds, library, output):
    """The largest |onnxruntime - library| / max(1, |library|) over all the rows."""
    got = run_graph(onnx_model.SerializeToString(), feeds)[output]
    return deviation(got, library)


def deviation(got, want):
    """The largest |got - want| / max(1, |want|): what the tolerance rule bounds."""
    want = np.asarray(want, dtype=np.float64)
    got = np.asarray(got, dtype=np.float64).reshape(want.shape)
    return float(np.max(np.abs(got - want) / np.maximum(1, np.abs(want))))


def run_graph(graph, feeds):
    """All the outputs of a graph by name; what ZipMap made of the probabilities becomes a matrix again."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    outputs = dict(zip([output.name for output in session.get_outputs()], session.run(None, feeds)))
    for name, value in outputs.items():
        if isinstance(value, list) and isinstance(value[0], dict):
            outputs[name] = np.array([list(row.values()) for row in value])
    return outputs


def tolerance_for(loss):
    """1e-6 plus the exporter's loss, rounded up to three digits."""
    total = BASE_TOLERANCE + loss
    unit = 10.0 ** (math.floor(math.log10(total)) - 2)
    return float(f"{math.ceil(total / unit - 1e-9) * unit:.2e}")


def round_half_away(value):
    """Rounds as CEL's math.round does: halves go away from zero."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def to_json(value):
    """A cell as JSON has it: plain Python numbers, and null for what is missing."""
    if value is None or (isinstance(value, (float, np.floating)) and math.isnan(value)):
        return None
    if isinstance(value, np.ndarray):
        return [to_json(element) for element in value]
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def probabilities_by_class(classes, row):
    return {str(name): float(p) for name, p in zip(classes, row)}


def write_version(model_id, version, onnx_model, manifest, comments):
    folder = EXAMPLES / "models" / model_id / version
    folder.mkdir(parents=True, exist_ok=True)
    # skl2onnx may import the same operator set twice; once is enough.
    opsets = {(opset.domain, opset.version) for opset in onnx_model.opset_import}
    del onnx_model.opset_import[:]
    onnx_model.opset_import.extend(make_opsetid(*opset) for opset in sorted(opsets))
    graph = onnx_model.SerializeToString()
    (folder / "model.onnx").write_bytes(graph)
    lines = [f"# {line}".rstrip() for line in comments]
    for key, value in manifest.items():
        lines += ["", *_section(key, value)] if isinstance(value, (list, dict)) else _section(key, value)
    (folder / "model.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{model_id} {version}: {len(graph)} bytes")


def write_explain_file(model_id, version, model, onnx_model, rows=None):
    """explain.json beside the model: covers of trees, or the means of what a linear model sees in its training rows."""
    write_sidecar(EXAMPLES / "models" / model_id / version / "explain.json", make_sidecar(model, onnx_model, rows))


def write_background_file(model_id, version, table):
    """background.csv beside the model: rows of features that explanations compare with."""
    write_background(EXAMPLES / "models" / model_id / version / "background.csv", table)


def write_aliases(model_id, aliases):
    text = "".join(f"{alias}: {version}\n" for alias, version in aliases.items())
    (EXAMPLES / "models" / model_id / "aliases.yaml").write_text(text, encoding="utf-8")


def write_held_out(model_id, versions):
    path = EXAMPLES / "heldout" / f"{model_id}.json"
    path.parent.mkdir(exist_ok=True)
    for version in versions.values():
        assert len(version["rows"]) == HELD_OUT_ROWS
    lines = []
    for version, held_out in versions.items():
        lists = [f'      "tolerance": {json.dumps(held_out["tolerance"])}']
        for name in [key for key in held_out if key != "tolerance"]:
            rows = ",\n".join("        " + json.dumps(row) for row in held_out[name])
            lists.append(f'      "{name}": [\n{rows}\n      ]')
        lines.append(f'    "{version}": {{\n' + ",\n".join(lists) + "\n    }")
    text = f'{{\n  "model_id": "{model_id}",\n  "versions": {{\n' + ",\n".join(lines) + "\n  }\n}\n"
    json.loads(text)
    path.write_text(text, encoding="utf-8")


def write_request(name, body):
    path = EXAMPLES / "requests" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    flat = json.dumps(body)
    path.write_text((json.dumps(body, indent=2) if len(flat) < 2000 and "pixels" not in flat else flat) + "\n", encoding="utf-8")


def _section(key, value):
    """One key of a manifest; a list gets one line an element, so that a change of one feature is one line of a diff."""
    if isinstance(value, list) and key in ("features", "examples"):
        return [f"{key}:", *[f"  - {_flow(element)}" for element in value]]
    if isinstance(value, dict):
        return [f"{key}:", *[f"  {name}: {_flow(element)}" for name, element in value.items()]]
    return [f"{key}: {_flow(value)}"]


def _flow(value):
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=1_000_000)
    return text.removesuffix("\n").removesuffix("\n...")
