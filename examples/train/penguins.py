"""Classification with strings, numbers and missing values: the species of a penguin (a scikit-learn pipeline).

A missing number is NaN and a missing string is the empty string, in training as in serving.
"""

import numpy as np
from palmerpenguins import load_penguins
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import common

MODEL_ID = "penguins"
SEED = 17
NUMBERS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
STRINGS = ["island", "sex"]

FEATURES = [
    {"name": "bill_length_mm", "type": "number", "min": 10, "max": 100, "nullable": True, "description": "null when not measured"},
    {"name": "bill_depth_mm", "type": "number", "min": 5, "max": 50, "nullable": True, "description": "null when not measured"},
    {"name": "flipper_length_mm", "type": "number", "min": 100, "max": 350, "nullable": True, "description": "null when not measured"},
    {"name": "body_mass_g", "type": "number", "min": 1000, "max": 10000, "nullable": True, "description": "null when not measured"},
    {"name": "island", "type": "string", "enum": ["Biscoe", "Dream", "Torgersen"], "description": "where the penguin was seen"},
    {"name": "sex", "type": "string", "enum": ["female", "male"], "nullable": True, "description": "null when not determined"},
]


def main():
    table = load_penguins()
    species = table.pop("species").astype(object).to_numpy()
    table = table[NUMBERS + STRINGS].astype({name: object for name in STRINGS})
    table["sex"] = table["sex"].where(table["sex"].notna(), "")

    # Held out are both penguins that nobody measured, some of those of unknown sex, and a seventh of the others.
    unmeasured = table[NUMBERS].isna().all(axis=1)
    unknown_sex = ~unmeasured & (table["sex"] == "")
    complete = ~unmeasured & ~unknown_sex
    test_rows = np.concatenate([np.flatnonzero(unmeasured), split(unknown_sex, 0.5), split(complete, 0.15, species)])
    test = table.loc[test_rows]
    train = table.drop(index=test_rows)
    model = train_pipeline(train, species[train.index])
    accuracy = model.score(test, species[test.index])
    print("accuracy", round(accuracy, 3))

    graph = export(model)
    loss = common.measure_loss(graph, feeds(table), model.predict_proba(table), "output_probability")
    tolerance = common.tolerance_for(loss)
    golden = test.index[[0, 2, -1, -2]]
    held_out = [row for row in test.index if row not in golden][: common.HELD_OUT_ROWS]
    manifest = {
        "description": f"Species of a penguin of the Palmer Archipelago (accuracy {accuracy:.2f} on held-out rows)",
        "runtime": "onnx",
        "features": FEATURES,
        "examples": [{**row, "tolerance": tolerance} for row in answered(model, test.loc[golden])],
    }
    comments = [
        "inputs, classes, prediction and confidence are left out: each input is named like its feature, the graph names its",
        "classes, and a classifier answers {label, probabilities}.",
        "The exporter's loss, the largest |onnxruntime - training library| by the tolerance rule,",
        f"over the {len(table)} rows of the data set: {loss:.2e}.",
    ]
    common.write_version(MODEL_ID, "1.0.0", graph, manifest, comments)
    common.write_explain_file(MODEL_ID, "1.0.0", model, graph, train)
    common.write_aliases(MODEL_ID, {"production": "1.0.0"})
    rows = answered(model, test.loc[sorted(held_out)])
    common.write_held_out(MODEL_ID, {"1.0.0": {"tolerance": tolerance, "rows": rows}})
    common.write_request(MODEL_ID, {"model_id": MODEL_ID, "features": features_of(table.loc[0])})


def split(chosen, share, species=None):
    rows = np.flatnonzero(chosen)
    stratify = None if species is None else species[rows]
    return train_test_split(rows, test_size=share, random_state=SEED, stratify=stratify)[1]


def train_pipeline(train, species):
    prepare = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), NUMBERS),
            ("island", OneHotEncoder(handle_unknown="ignore"), ["island"]),
            (
                "sex",
                make_pipeline(SimpleImputer(missing_values="", strategy="constant", fill_value="unknown"), OneHotEncoder()),
                ["sex"],
            ),
        ]
    )
    return make_pipeline(prepare, LogisticRegression(max_iter=1000)).fit(train, species)


def export(model):
    """One input a column, named like it, and skl2onnx's default ZipMap at the end: a list of {species: probability}."""
    return to_onnx(
        model,
        name=MODEL_ID,
        initial_types=[
            *[(name, FloatTensorType([None, 1])) for name in NUMBERS],
            *[(name, StringTensorType([None, 1])) for name in STRINGS],
        ],
        target_opset=common.TARGET_OPSET,
    )


def feeds(table):
    return {
        **{name: table[[name]].to_numpy(np.float32) for name in NUMBERS},
        **{name: table[[name]].to_numpy(object) for name in STRINGS},
    }


def features_of(row):
    return {name: None if row[name] == "" else common.to_json(row[name]) for name in NUMBERS + STRINGS}


def answered(model, table):
    answers = zip(model.predict(table), model.predict_proba(table))
    return [
        {
            "features": features_of(row),
            "prediction": {"label": str(label), "probabilities": common.probabilities_by_class(model.classes_, probabilities)},
        }
        for (_, row), (label, probabilities) in zip(table.iterrows(), answers)
    ]


if __name__ == "__main__":
    main()
