import { Environment, type ASTNode, type ParseResult } from '@marcbachmann/cel-js';
import { nearestName } from '../../shared/names.js';
import type { TensorSpec } from '../runtime.js';
import type { FeatureSpec } from '../signature.js';
import { registerMath } from './cel-math.js';
import { celTypeOfFeature, celTypeOfOutput, isVariableName } from './cel-types.js';

/** What expressions of a version may speak of. */
export interface ExpressionScope {
  readonly outputs: readonly TensorSpec[];
  readonly features: readonly FeatureSpec[];
  readonly classes: readonly (string | number)[] | undefined;
}

/** An expression that type-checks against the graph. */
export interface Expression {
  readonly source: string;
  readonly type: string;
  readonly evaluate: ParseResult;
  /** Outputs that it reads as variables, and by `outputs["name"]`. */
  readonly variables: ReadonlySet<string>;
  readonly outputs: ReadonlySet<string>;
  readonly features: ReadonlySet<string>;
}

/** An expression that cannot be served: where, why, and the mend. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError';
}

/** Results that JSON can hold. */
const unsendable = /\b(uint|bytes|type|Math|google\.protobuf\.\w+|optional)\b|\$/;

export class ExpressionCompiler {
  readonly #environment: Environment;
  readonly #scope: ExpressionScope;

  constructor(scope: ExpressionScope) {
    this.#scope = scope;
    this.#environment = environmentOf(scope);
  }

  /** @throws ExpressionError that quotes the place in the expression. */
  compile(source: string): Expression {
    const { valid, type = 'dyn', error } = this.#environment.check(source);
    if (!valid) {
      const at = error?.range?.start ?? 0;
      throw new ExpressionError(
        `${error?.summary ?? 'is not valid'} at ${at + 1} of \`${source}\`${this.#mend(error?.summary ?? '')}`,
      );
    }
    if (unsendable.test(type)) {
      throw new ExpressionError(
        `\`${source}\` gives ${type.replace('$', '')}, which has no JSON form${type === 'uint' ? '; use int(…)' : ''}`,
      );
    }
    const evaluate = this.#environment.parse(source);
    return { source, type, evaluate, ...this.#uses(evaluate.ast, source) };
  }

  #uses(ast: ASTNode, source: string): Pick<Expression, 'variables' | 'outputs' | 'features'> {
    const uses = { variables: new Set<string>(), outputs: new Set<string>(), features: new Set<string>() };
    const tables: ReadonlyMap<string, Set<string>> = new Map([
      ['outputs', uses.outputs],
      ['features', uses.features],
    ]);
    const visit = (node: ASTNode): void => {
      const entry = tableEntry(node, tables);
      if (entry !== undefined) {
        if (entry.key === undefined)
          throw new ExpressionError(`\`${source}\`: ${entry.table}["…"] takes a name in quotes`);
        tables.get(entry.table)?.add(entry.key);
        return;
      }
      if (node.op === 'id') uses.variables.add(node.args);
      children(node.args).forEach(visit);
    };
    visit(ast);
    return uses;
  }

  #mend(summary: string): string {
    if (
      /overload: (double . int|int . double|double (<|>|<=|>=|==|!=) int|int (<|>|<=|>=|==|!=) double)$/.test(summary)
    ) {
      return '; int and double do not mix: write 100.0 for 100, or double(…) around the int';
    }
    const unknown = /^(?:Unknown variable|No such key): (.+)$/.exec(summary)?.[1];
    if (unknown === undefined) return '';
    const { outputs, features } = this.#scope;
    const near = nearestName(unknown, [...outputs.map(({ name }) => name), ...features.map(({ name }) => name)]);
    return near === undefined
      ? `; outputs are: ${outputs.map(({ name }) => name).join(', ')}`
      : `; did you mean ${near}?`;
  }
}

function environmentOf({ outputs, features, classes }: ExpressionScope): Environment {
  const environment = new Environment({ homogeneousAggregateLiterals: false });
  registerMath(environment);
  const outputTypes = outputs.map((output) => [output.name, celTypeOfOutput(output)] as const);
  for (const [name, type] of outputTypes) if (isVariableName(name)) environment.registerVariable(name, type);
  environment.registerVariable({ name: 'outputs', schema: Object.fromEntries(outputTypes) });
  const featureTypes = features.map((spec) => [spec.name, celTypeOfFeature(spec)] as const);
  environment.registerVariable({ name: 'features', schema: Object.fromEntries(featureTypes) });
  environment.registerVariable('classes', classesType(classes ?? []));
  return environment;
}

function classesType(classes: readonly (string | number)[]): string {
  if (classes.every((label) => typeof label === 'string')) return 'list<string>';
  return classes.every((label) => Number.isSafeInteger(label)) ? 'list<int>' : 'list<dyn>';
}

/** `outputs["name"]`, `features.name`: which table, which literal key. undefined when the node is something else. */
function tableEntry(
  node: ASTNode,
  tables: ReadonlyMap<string, unknown>,
): { readonly table: string; readonly key: string | undefined } | undefined {
  if (node.op === 'id') return tables.has(node.args) ? { table: node.args, key: undefined } : undefined;
  if (node.op !== '[]' && node.op !== '.') return undefined;
  const [receiver, key] = node.args;
  if (receiver.op !== 'id' || !tables.has(receiver.args)) return undefined;
  if (typeof key === 'string') return { table: receiver.args, key };
  return { table: receiver.args, key: key.op === 'value' && typeof key.args === 'string' ? key.args : undefined };
}

function children(args: unknown): ASTNode[] {
  if (Array.isArray(args)) return args.flatMap(children);
  return typeof args === 'object' && args !== null && 'op' in args ? [args as ASTNode] : [];
}
