"""The Python side of bench/explain.ts: trains the models, then explains rows with the package `shap` whenever it is told to.

    python bench/explanation/shap_side.py FOLDER

Writes one folder a model below FOLDER, prints "ready", and answers each line `MODEL COUNT` of its standard input with the median
microseconds that one row took. Packages: those of test/explanation/make_cases.py.
"""

import json
import statistics
import sys
import time
import warnings
from pathlib import Path

import lightgbm
import numpy as np
import shap
import xgboost
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as ToolsFloat
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import make_regression
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor, HistGradientBoostingRegressor, RandomForestRegressor

PROJECT = Path(__file__).resolve().parents[2]
sys.path += [str(PROJECT / "tools"), str(PROJECT / "test/explanation")]
from explain_sidecar import make_sidecar, write_sidecar  # noqa: E402
from make_cases import whole_numbers_for_leaves  # noqa: E402

warnings.filterwarnings("ignore")
FEATURES = 30
TRAINING_ROWS = 20_000
ROWS = 2_000
SEED = 7
SIZE = {"max_depth": 6, "random_state": SEED}


def models():
    boosted = {"n_estimators": 100, **SIZE}
    yield "sklearn_boosting", GradientBoostingRegressor(**boosted, max_features=6), None
    yield "sklearn_boosting_classifier", GradientBoostingClassifier(**boosted, max_features=6), None
    yield "sklearn_forest", RandomForestRegressor(**boosted, max_features=6, n_jobs=2), None
    yield "sklearn_histogram_boosting", HistGradientBoostingRegressor(max_iter=100, max_leaf_nodes=None, early_stopping=False, **SIZE), None
    yield "xgboost", xgboost.XGBRegressor(**boosted, n_jobs=1), convert_xgboost
    yield "lightgbm", lightgbm.LGBMRegressor(**boosted, num_leaves=64, n_jobs=1, verbose=-1), convert_lightgbm


def graph_of(model, convert):
    if convert is not None:
        return convert(model, initial_types=[("x", ToolsFloat([None, FEATURES]))], target_opset=15)
    options = {id(model): {"zipmap": False}} if hasattr(model, "classes_") else None
    types = [("x", FloatTensorType([None, FEATURES]))]
    return to_onnx(model, initial_types=types, options=options, target_opset={"": 17, "ai.onnx.ml": 3})


def write_version(folder, model, convert):
    folder.mkdir(parents=True)
    graph = graph_of(model, convert)
    (folder / "model.onnx").write_bytes(graph.SerializeToString())
    names = ", ".join(f"{{name: f{column}, type: number}}" for column in range(FEATURES))
    (folder / "model.yaml").write_text(f"features: [{names}]\n", encoding="utf-8")
    write_sidecar(folder / "explain.json", make_sidecar(model, graph))


def timed(explainer, rows, start, count):
    """Median microseconds of one row, each row another one; the sum of the values, which keeps the work from being left out."""
    times = []
    for at in range(count):
        row = rows[(start + at) % len(rows)][None]
        begun = time.perf_counter()
        explainer.shap_values(row, check_additivity=False)
        times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1e6


def main():
    folder = Path(sys.argv[1])
    rows, target = make_regression(TRAINING_ROWS + ROWS, FEATURES, n_informative=15, noise=20.0, random_state=SEED)
    rows = rows.astype(np.float32)
    target = target / target.std()
    train, held_out = rows[:TRAINING_ROWS], rows[TRAINING_ROWS:]
    explainers = {}
    whole_numbers_for_leaves()
    for name, model, convert in models():
        wanted = (target > 0).astype(int) if hasattr(model, "predict_proba") else target
        model.fit(train, wanted[:TRAINING_ROWS])
        write_version(folder / name, model, convert)
        explainers[name] = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
    held_out.astype(np.float64).tofile(folder / "rows.f64")
    answers = {name: np.asarray(explainer.shap_values(held_out[:5], check_additivity=False)).tolist() for name, explainer in explainers.items()}
    (folder / "values.json").write_text(json.dumps(answers), encoding="utf-8")
    print("ready", " ".join(explainers), flush=True)
    start = 0
    for line in sys.stdin:
        name, count = line.split()
        print(timed(explainers[name], held_out, start, int(count)), flush=True)
        start += int(count)


if __name__ == "__main__":
    main()
