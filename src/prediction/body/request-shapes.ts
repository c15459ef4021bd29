import { ServiceError } from '../../shared/errors.js';
import type { BatchRequest, Instance, PredictionRequest } from '../types.js';
import { noEntities } from './envelope.js';
import { JsonScanner, Literal } from './json-scanner.js';
import { featuresKey, learnRow, type LearnedRow, type RowShape } from './row-shape.js';

/** What is the same in all bodies that differ from a known one in the values of features only. */
export interface RequestShape<Request> {
  /** The request of a body of this shape; undefined for any other. */
  read(body: Buffer): Request | undefined;
}

type Envelope<Request> = Omit<Request, keyof Instance | 'instances'>;

/** `head`, the features of one row, `tail`. */
class PredictionShape implements RequestShape<PredictionRequest> {
  readonly #envelope: Envelope<PredictionRequest>;
  readonly #head: Literal;
  readonly #row: RowShape;
  readonly #tail: Literal;

  constructor(request: PredictionRequest, text: string, { shape, start, end }: LearnedRow) {
    const { modelId, modelVersion, options } = request;
    this.#envelope = { modelId, modelVersion, options };
    this.#head = new Literal(text.slice(0, start));
    this.#row = shape;
    this.#tail = new Literal(text.slice(end));
  }

  read(body: Buffer): PredictionRequest | undefined {
    const scanner = new JsonScanner(body);
    if (!scanner.pass(this.#head)) return undefined;
    const features = this.#row.read(scanner);
    if (features === undefined || !scanner.pass(this.#tail) || !scanner.isAtEnd) return undefined;
    const { modelId, modelVersion, options } = this.#envelope;
    return { modelId, modelVersion, options, features, entities: noEntities };
  }
}

/** `head`, rows of one shape with `between` between them, `tail`. */
class BatchShape implements RequestShape<BatchRequest> {
  readonly #envelope: Envelope<BatchRequest>;
  readonly #head: Literal;
  readonly #row: RowShape;
  readonly #between: Literal;
  readonly #tail: Literal;
  readonly #mostRows: number;

  constructor(request: BatchRequest, row: RowShape, frame: BatchFrame, mostRows: number) {
    const { modelId, modelVersion, options } = request;
    this.#envelope = { modelId, modelVersion, options };
    this.#head = new Literal(frame.head);
    this.#row = row;
    this.#between = new Literal(frame.between);
    this.#tail = new Literal(frame.tail);
    this.#mostRows = mostRows;
  }

  read(body: Buffer): BatchRequest | undefined {
    const scanner = new JsonScanner(body);
    if (!scanner.pass(this.#head)) return undefined;
    const instances = this.#rows(scanner);
    if (instances === undefined || !scanner.pass(this.#tail) || !scanner.isAtEnd) return undefined;
    return { ...this.#envelope, instances };
  }

  #rows(scanner: JsonScanner): Instance[] | undefined {
    const instances: Instance[] = [];
    do {
      const features = this.#row.read(scanner);
      if (features === undefined || instances.length === this.#mostRows) return undefined;
      instances.push({ features, entities: noEntities });
    } while (scanner.pass(this.#between));
    return instances;
  }
}

interface BatchFrame {
  readonly head: string;
  /** From the end of one row's features to the start of the next one's. */
  readonly between: string;
  readonly tail: string;
}

/** Undefined for a body that has no shape: without features, with entities, with escapes or other bytes than ASCII. */
export function predictionShape(
  text: string,
  body: Buffer,
  request: PredictionRequest,
): RequestShape<PredictionRequest> | undefined {
  if (!isRow(request) || !isPlain(text, body)) return undefined;
  // The request has features: where their key stands once, it is theirs, and not in an object that another of its name replaced.
  if (occurrences(text, featuresKey) !== 1) return undefined;
  const row = learnRow(text, body, text.indexOf(featuresKey));
  return row && new PredictionShape(request, text, row);
}

/** Undefined as above, and for a batch whose rows differ in shape or are fewer than two. */
export function batchShape(
  text: string,
  body: Buffer,
  request: BatchRequest,
  mostRows: number,
): RequestShape<BatchRequest> | undefined {
  const rows = request.instances.length;
  if (rows < 2 || !request.instances.every(isRow) || !isPlain(text, body)) return undefined;
  // Each row has features: where their key stands once a row, it stands nowhere else.
  if (occurrences(text, featuresKey) !== rows) return undefined;
  const first = learnRow(text, body, text.indexOf(featuresKey));
  const second = first && learnRow(text, body, text.indexOf(featuresKey, first.end));
  if (first === undefined || second === undefined) return undefined;
  const between = text.slice(first.end, second.start);
  const end = endOfRows(first, new Literal(between), body, rows);
  if (end === undefined) return undefined;
  return new BatchShape(
    request,
    first.shape,
    { head: text.slice(0, first.start), between, tail: text.slice(end) },
    mostRows,
  );
}

/** Where the last row's features end, if all rows have the shape of the first. */
function endOfRows({ shape, start }: LearnedRow, between: Literal, body: Buffer, rows: number): number | undefined {
  const scanner = new JsonScanner(body);
  scanner.at = start;
  let found = 0;
  do {
    if (shape.read(scanner) === undefined) return undefined;
    found++;
  } while (scanner.pass(between));
  return found === rows ? scanner.at : undefined;
}

/** Features and nothing else. */
function isRow(instance: Instance | ServiceError): boolean {
  if (instance instanceof ServiceError) return false;
  return instance.entities === noEntities && instance.features.names.length > 0;
}

function isPlain(text: string, body: Buffer): boolean {
  return text.length === body.length && !text.includes('\\');
}

function occurrences(text: string, part: string): number {
  let count = 0;
  for (let at = text.indexOf(part); at !== -1; at = text.indexOf(part, at + part.length)) count++;
  return count;
}
