/** How a node compares its feature with its threshold; `LEAF` compares nothing. Numbers as stored in `TreeNodes.mode`. */
export const nodeMode = { LEAF: 0, LEQ: 1, LT: 2, GTE: 3, GT: 4, EQ: 5, NEQ: 6, MEMBER: 7 } as const;
export type NodeModeName = keyof typeof nodeMode;

/** How the trees' answers become one: a plain sum, its mean over the trees, or the smallest or largest answer of a tree. */
export type TreeAggregate = 'SUM' | 'AVERAGE' | 'MIN' | 'MAX';
/** What is done to the scores of one row at the end. */
export type PostTransform = 'NONE' | 'LOGISTIC' | 'SOFTMAX' | 'SOFTMAX_ZERO' | 'PROBIT';

/**
 * The nodes of all trees, one array a property, one element a node. A node compares `x[feature]` with its threshold by its mode and
 * goes on at `trueChild` or `falseChild`. NaN goes to `trueChild` where `missingTracksTrue` is 1, and otherwise where the
 * comparison itself leads (EQ and the inequalities: false; NEQ: true).
 */
export interface TreeNodes {
  readonly count: number;
  readonly mode: Uint8Array;
  readonly feature: Int32Array;
  /** Exact values of the file: float32 widened, or float64 where the file holds doubles. 0 for leaves and MEMBER. */
  readonly threshold: Float64Array;
  /** Indices into these arrays; -1 for leaves. Checked: inside the arrays, no node has two parents, no cycles. */
  readonly trueChild: Int32Array;
  readonly falseChild: Int32Array;
  readonly missingTracksTrue: Uint8Array;
  /** The weights of leaf i are those at [weightStart[i], weightStart[i + 1]) of `weights`; a node that is no leaf has none. */
  readonly weightStart: Int32Array;
}

/** What a leaf adds to a target (a regression's output, a class). */
export interface LeafWeights {
  readonly target: Int32Array;
  readonly value: Float64Array;
}

/** A tree ensemble of ai.onnx.ml (TreeEnsembleClassifier and -Regressor 1 and 3, TreeEnsemble 5), read and checked. */
export interface TreeEnsemble {
  readonly kind: 'classifier' | 'regressor';
  readonly nodes: TreeNodes;
  /** The node that each tree starts at, in the order in which the file lists the trees. */
  readonly roots: Int32Array;
  readonly weights: LeafWeights;
  /** The values of each MEMBER node, by node. */
  readonly members: ReadonlyMap<number, Float64Array>;
  /** Outputs of a regression, or classes: at least 1. */
  readonly targets: number;
  /** Features that a row must have at least. */
  readonly features: number;
  /** As in the file: none, one, or one a target. */
  readonly baseValues: Float64Array;
  readonly aggregate: TreeAggregate;
  readonly postTransform: PostTransform;
  /** The label of each class; absent for a regression. */
  readonly classes?: readonly string[] | BigInt64Array;
}

/** The attributes of a tree ensemble contradict each other or the standard. The message says which and where. */
export class TreeEnsembleError extends Error {
  override readonly name = 'TreeEnsembleError';
}
