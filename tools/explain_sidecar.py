"""Writes explain.json: what an ONNX file leaves out and exact explanations need.

    python tools/explain_sidecar.py MODEL --onnx model.onnx --out explain.json [--rows training.csv]

MODEL is a joblib or pickle file of a fitted scikit-learn, XGBoost or LightGBM estimator or of a scikit-learn pipeline that ends
with one, or a file of XGBoost (.json, .ubj) or LightGBM (.txt). For trees the sidecar holds the cover of each node: how many
training rows, by weight, came to it. For linear models it holds the means of the columns that the last step sees, which are worked
out from --rows (a CSV of training rows, its columns in the order of training); they are 0 after a StandardScaler.

The trees of the library are laid over those of the graph, node by node: a model that is not the graph's is refused. The service
does the same with the thresholds when it loads the file. Open pickle files only from people whom you trust: they are programs.
"""

import argparse
import json
import math
import pickle
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

FORMAT_VERSION = 1
TREE_OPERATORS = ("TreeEnsembleClassifier", "TreeEnsembleRegressor")
LINEAR_OPERATORS = ("LinearClassifier", "LinearRegressor")
THRESHOLD_TOLERANCE = 1e-6


class Refused(Exception):
    """The model and the graph do not belong together, or are of a kind that has no sidecar."""


@dataclass
class Node:
    """A node of a tree. A leaf has no children; its feature and threshold mean nothing."""

    cover: float = 0.0
    feature: int = -1
    threshold: float = 0.0
    left: int = -1
    right: int = -1

    @property
    def is_leaf(self):
        return self.left < 0


# --- trees of the libraries: each a list of nodes, the root first ------------------------------------------------------------


def library_trees(model):
    """The trees of an estimator or booster, and the name of its library."""
    name = type(model).__module__.split(".")[0]
    if name == "xgboost":
        return xgboost_trees(model.get_booster() if hasattr(model, "get_booster") else model), name
    if name == "lightgbm":
        return lightgbm_trees(getattr(model, "booster_", model)), name
    if hasattr(model, "_predictors"):
        return [histogram_tree(tree) for round_ in model._predictors for tree in round_], name
    if hasattr(model, "estimators_"):
        return [scikit_tree(tree.tree_) for tree in np.ravel(np.asarray(model.estimators_, dtype=object))], name
    if hasattr(model, "tree_"):
        return [scikit_tree(model.tree_)], name
    raise Refused(f"{type(model).__name__} is neither trees nor linear: explain it with background.csv")


def scikit_tree(tree):
    columns = (tree.weighted_n_node_samples, tree.feature, tree.threshold, tree.children_left, tree.children_right)
    return [Node(*(item.item() for item in row)) for row in zip(*columns)]


def histogram_tree(tree):
    return [
        Node(float(row["count"]))
        if row["is_leaf"]
        else Node(float(row["count"]), int(row["feature_idx"]), float(row["num_threshold"]), int(row["left"]), int(row["right"]))
        for row in tree.nodes
    ]


def xgboost_trees(booster):
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]
    model = learner["gbtree"]["model"] if "gbtree" in learner else learner.get("model")
    if model is None:
        raise Refused("the booster is linear, not trees: explain it with background.csv")
    return [xgboost_tree(tree) for tree in model["trees"]]


def xgboost_tree(tree):
    keys = ("sum_hessian", "split_indices", "split_conditions", "left_children", "right_children")
    return [Node(*row) for row in zip(*(tree[key] for key in keys))]


def lightgbm_trees(booster):
    return [lightgbm_tree(tree["tree_structure"]) for tree in booster.dump_model()["tree_info"]]


def lightgbm_tree(root):
    nodes = []

    def add(item):
        place = len(nodes)
        if "left_child" not in item:
            nodes.append(Node(float(item.get("leaf_count", 1))))
            return place
        if item["decision_type"] != "<=":
            raise Refused("trees with categorical splits have no sidecar: explain them with background.csv")
        node = Node(float(item["internal_count"]), int(item["split_feature"]), float(item["threshold"]))
        nodes.append(node)
        node.left = add(item["left_child"])
        node.right = add(item["right_child"])
        return place

    add(root)
    return nodes


# --- trees of the graph -------------------------------------------------------------------------------------------------------


@dataclass
class GraphNode:
    mode: str
    feature: int
    threshold: float
    yes: int
    no: int


def attributes_of(node):
    values = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
    return {key: numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value for key, value in values.items()}


def graph_trees(node):
    """The trees of a node in the order of the file: for each its nodes, in that order too, children as places in the tree."""
    attributes = attributes_of(node)
    thresholds = attributes.get("nodes_values_as_tensor", attributes.get("nodes_values"))
    rows = zip(
        attributes["nodes_treeids"], attributes["nodes_nodeids"], attributes["nodes_modes"], attributes["nodes_featureids"],
        thresholds, attributes["nodes_truenodeids"], attributes["nodes_falsenodeids"],
    )  # fmt: skip
    trees = {}
    for tree, number, mode, feature, threshold, yes, no in rows:
        trees.setdefault(tree, []).append((number, GraphNode(mode.decode(), feature, float(threshold), yes, no)))
    return [placed(nodes) for nodes in trees.values()]


def placed(numbered):
    places = {number: place for place, (number, _) in enumerate(numbered)}
    nodes = [node for _, node in numbered]
    for node in nodes:
        if node.mode != "LEAF":
            node.yes, node.no = places[node.yes], places[node.no]
    return nodes


def covers_over(graph_tree, tree):
    """The cover of each node of the graph's tree; None when the library's tree is another one."""
    covers = [0.0] * len(graph_tree)
    if len(graph_tree) != len([node for node in reachable(tree)]):
        return None
    pending = [(0, 0)]
    while pending:
        at, place = pending.pop()
        mine, theirs = graph_tree[at], tree[place]
        if (mine.mode == "LEAF") != theirs.is_leaf:
            return None
        covers[at] = theirs.cover
        if theirs.is_leaf:
            continue
        if mine.feature != theirs.feature or not same_threshold(mine.threshold, theirs.threshold):
            return None
        yes, no = (theirs.left, theirs.right) if mine.mode in ("BRANCH_LEQ", "BRANCH_LT") else (theirs.right, theirs.left)
        pending += [(mine.yes, yes), (mine.no, no)]
    return covers


def reachable(tree):
    """The library may keep nodes that it has pruned."""
    pending = [0]
    while pending:
        node = tree[pending.pop()]
        yield node
        if not node.is_leaf:
            pending += [node.left, node.right]


def same_threshold(one, other):
    return math.isclose(one, other, rel_tol=THRESHOLD_TOLERANCE, abs_tol=1e-30)


def tree_sidecar(model, node):
    trees, library = library_trees(model)
    unused = dict(enumerate(trees))
    entries = []
    for number, graph_tree in enumerate(graph_trees(node)):
        candidates = [number, *[other for other in unused if other != number]]
        found = next(((c, covers) for c in candidates if c in unused and (covers := covers_over(graph_tree, unused[c]))), None)
        if found is None:
            raise Refused(f"tree {number} of the graph ({len(graph_tree)} nodes) is not among the model's {len(trees)} trees")
        place, covers = found
        del unused[place]
        thresholds = [0 if node.mode == "LEAF" else short(node.threshold) for node in graph_tree]
        entries.append({"cover": [short(cover) for cover in covers], "threshold": thresholds})
    return {"version": FORMAT_VERSION, "kind": "trees", "library": library, "trees": entries}


# --- linear models ------------------------------------------------------------------------------------------------------------


def linear_sidecar(steps, node, rows):
    model = steps[-1]
    if not hasattr(model, "coef_"):
        raise Refused(f"the graph is linear, {type(model).__name__} is not")
    coefficients = np.asarray(attributes_of(node)["coefficients"], dtype=np.float64)
    trained = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64))
    last = coefficients.reshape(-1, trained.shape[1])[-len(trained) :]
    if last.shape != trained.shape or not np.allclose(last, trained, rtol=1e-5, atol=1e-7):
        raise Refused("the coefficients of the graph are not those of the model")
    means = column_means(steps[:-1], rows, trained.shape[1])
    if len(means) != trained.shape[1]:
        raise Refused(f"--rows gives {len(means)} columns, the model has {trained.shape[1]} coefficients")
    return {
        "version": FORMAT_VERSION,
        "kind": "linear",
        "library": "sklearn",
        "means": [float(mean) for mean in means],
        "coefficients": [short(value) for value in coefficients],
    }


def column_means(before, rows, columns):
    if rows is None:
        if before and type(before[-1]).__name__ == "StandardScaler" and before[-1].with_mean:
            return np.zeros(columns)
        raise Refused("the means of a linear model's columns come from its training rows: give them with --rows")
    for step in before:
        rows = step.transform(rows)
    dense = rows.toarray() if hasattr(rows, "toarray") else np.asarray(rows)
    return dense.astype(np.float64).mean(axis=0)


# --- putting it together ------------------------------------------------------------------------------------------------------


def make_sidecar(model, graph, rows=None):
    """The sidecar of a fitted model and the graph made of it. `rows`: training rows as the model's own predict takes them."""
    steps = [step for _, step in model.steps] if hasattr(model, "steps") else [model]
    found = [node for node in graph.graph.node if node.op_type in TREE_OPERATORS + LINEAR_OPERATORS]
    if len(found) != 1:
        raise Refused(
            f"the graph holds {len(found)} nodes of {', '.join(TREE_OPERATORS + LINEAR_OPERATORS)}, and a sidecar is for exactly one: "
            "explain this model with background.csv"
        )
    (node,) = found
    return tree_sidecar(steps[-1], node) if node.op_type in TREE_OPERATORS else linear_sidecar(steps, node, rows)


def write_sidecar(path, sidecar):
    """One tree a line, so that a change of one tree is one line of a diff."""
    head = {key: value for key, value in sidecar.items() if key != "trees"}
    text = json.dumps(head)
    if "trees" in sidecar:
        text = text[:-1] + ', "trees": [\n' + ",\n".join(json.dumps(tree) for tree in sidecar["trees"]) + "\n]}"
    Path(path).write_text(text + "\n", encoding="utf-8")


def write_background(path, table):
    """background.csv: up to 1,000 rows of features as callers send them. `table`: a pandas frame, its columns named like the features."""
    shown = table.copy()
    for name in shown.columns[shown.dtypes == bool]:
        shown[name] = shown[name].map({True: "true", False: "false"})
    shown.to_csv(path, index=False, lineterminator="\n")


def short(value):
    """The shortest decimal number that is this number in single precision, where it is one; whole numbers without a point."""
    value = float(value)
    single = float(str(np.float32(value))) if math.isclose(value, float(np.float32(value)), rel_tol=1e-15) else value
    return int(single) if single.is_integer() and abs(single) < 2**53 else single


def load_model(path):
    suffix = Path(path).suffix
    if suffix in (".json", ".ubj"):
        import xgboost

        booster = xgboost.Booster()
        booster.load_model(path)
        return booster
    if suffix == ".txt":
        import lightgbm

        return lightgbm.Booster(model_file=str(path))
    try:
        import joblib

        return joblib.load(path)
    except ImportError:
        with open(path, "rb") as file:
            return pickle.load(file)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="joblib or pickle file, XGBoost .json or .ubj, LightGBM .txt")
    parser.add_argument("--onnx", required=True, help="the graph that was made of it")
    parser.add_argument("--out", default="explain.json", help="file to write, to lie beside model.onnx")
    parser.add_argument("--rows", help="CSV of training rows: for the means of linear models")
    options = parser.parse_args()
    rows = None
    if options.rows is not None:
        import pandas

        rows = pandas.read_csv(options.rows)
    try:
        sidecar = make_sidecar(load_model(options.model), onnx.load(options.onnx), rows)
    except Refused as refusal:
        print(f"explain_sidecar: {refusal}", file=sys.stderr)
        return 1
    write_sidecar(options.out, sidecar)
    shown = f"{len(sidecar['trees'])} trees" if sidecar["kind"] == "trees" else f"{len(sidecar['means'])} means"
    print(f"{options.out}: {shown}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
