"""Classification of an image: a handwritten digit of 8 x 8 pixels as one array feature (a small neural network)."""

import numpy as np
import pandas as pd
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

import common

MODEL_ID = "digits"
SEED = 17
FEATURES = [
    {"name": "pixels", "type": "number", "shape": [64], "min": 0, "max": 16,
     "description": "8 rows of 8 pixels, from the upper left to the lower right; 0 is white, 16 is black"},
]


def main():
    images, digits = load_digits(return_X_y=True)
    train, test, train_digits, test_digits = train_test_split(images, digits, test_size=0.2, random_state=SEED, stratify=digits)
    model = make_pipeline(MinMaxScaler(), MLPClassifier(hidden_layer_sizes=(32,), alpha=0.01, max_iter=1000, random_state=SEED))
    model.fit(train, train_digits)
    accuracy = model.score(test, test_digits)
    print("accuracy", round(accuracy, 3))

    graph = to_onnx(
        model,
        name=MODEL_ID,
        initial_types=[("pixels", FloatTensorType([None, 64]))],
        options={"zipmap": False},
        target_opset=common.TARGET_OPSET,
    )
    loss = common.measure_loss(graph, {"pixels": images.astype(np.float32)}, model.predict_proba(images), "probabilities")
    tolerance = common.tolerance_for(loss)
    rows = answered(model, test)
    held_out, golden = rows[: common.HELD_OUT_ROWS], rows[common.HELD_OUT_ROWS :][:3]
    manifest = {
        "description": f"A handwritten digit (accuracy {accuracy:.2f} on held-out rows)",
        "runtime": "onnx",
        "features": FEATURES,
        "classes": [int(digit) for digit in model.classes_],
        "examples": [{**row, "tolerance": tolerance} for row in golden],
    }
    comments = [
        "inputs, prediction and confidence are left out: the input is named like the feature, and a classifier answers",
        "{label, probabilities}. classes are given because this graph does not name them: it is a plain neural network.",
        "The exporter's loss, the largest |onnxruntime - training library| by the tolerance rule,",
        f"over the {len(images)} rows of the data set: {loss:.2e}.",
    ]
    common.write_version(MODEL_ID, "1.0.0", graph, manifest, comments)
    shown = [f"pixels[{pixel}]" for pixel in range(64)]
    common.write_background_file(MODEL_ID, "1.0.0", pd.DataFrame(train[:100].astype(int), columns=shown))
    common.write_aliases(MODEL_ID, {"production": "1.0.0"})
    common.write_held_out(MODEL_ID, {"1.0.0": {"tolerance": tolerance, "rows": held_out}})
    common.write_request(MODEL_ID, {"model_id": MODEL_ID, "features": {"pixels": common.to_json(test[50])}})


def answered(model, images):
    answers = zip(images, model.predict(images), model.predict_proba(images))
    return [
        {
            "features": {"pixels": common.to_json(pixels)},
            "prediction": {"label": int(label), "probabilities": common.probabilities_by_class(model.classes_, probabilities)},
        }
        for pixels, label, probabilities in answers
    ]


if __name__ == "__main__":
    main()
