import { eventDataSchema, eventType } from './event-schema.js';
import { lastText } from '../shared/flat-text.js';
import { JsonNames, jsonNumber, jsonString, jsonText, jsonThousandths } from '../shared/json-text.js';
import { isoTimestamp } from '../shared/timestamp.js';
import type { FeatureOrigin } from '../shared/feature-value.js';
import { pseudonymUnder, type Pseudonym } from './pseudonym.js';
import type { EventFeature, PredictionRecord } from './prediction-event.js';

export interface EventEncoderOptions {
  /** CloudEvents source (a URI reference). */
  readonly source: string;
  readonly environment: string;
  /** Key of the pseudonyms; without it personal values are left out. */
  readonly piiKey?: string | undefined;
}

/** The JSON text of an event and its partition key: the first entity that may be shown, else the request id. */
export interface EncodedEvent {
  readonly id: string;
  readonly key: string;
  readonly text: string;
}

/**
 * PredictionRecord → CloudEvents 1.0 JSON, structured mode (docs/event.schema.json). Runs once in each prediction, so the text is
 * put together by hand.
 */
export class EventEncoder {
  readonly #pseudonym: Pseudonym;
  readonly #names = new JsonNames(':');
  readonly #stageNames = new JsonNames(':');
  readonly #nextStageNames = new JsonNames(':', ',');
  // What many events have in common: those of a millisecond, a model and version, a caller.
  readonly #attributes: (timestamp: number, modelId: string | null) => string;
  readonly #time = lastText((timestamp: number) => `,"timestamp":"${isoTimestamp(timestamp)}"`);
  readonly #model = lastText(
    (modelId: string | null, version: string | null) =>
      `,"model_id":${nullableString(modelId)},"model_version":${nullableString(version)}`,
  );
  readonly #ending: (cacheHit: boolean, clientId: string | null) => string;

  constructor({ source, environment, piiKey }: EventEncoderOptions) {
    this.#pseudonym = pseudonymUnder(piiKey);
    const origin =
      `,"source":${jsonString(source)},"type":"${eventType}","datacontenttype":"application/json",` +
      `"dataschema":"${eventDataSchema}"`;
    this.#attributes = lastText((timestamp, modelId) => {
      const subject = modelId === null ? '' : `,"subject":${jsonString(modelId)}`;
      return `${origin},"time":"${isoTimestamp(timestamp)}"${subject}`;
    });
    const where = `,"environment":${jsonString(environment)}`;
    this.#ending = lastText(
      (cacheHit, clientId) => `,"cache_hit":${cacheHit},"client_id":${nullableString(clientId)}${where}`,
    );
  }

  /** @throws TypeError when the prediction holds what JSON cannot (a BigInt); RangeError for a cycle or an impossible timestamp. */
  encode(record: PredictionRecord): EncodedEvent {
    const id = jsonString(record.eventId);
    const { text: entities, key } = this.#entities(record);
    const trace = record.traceparent === undefined ? '' : `,"traceparent":${jsonString(record.traceparent)}`;
    const { featuresText, timestamp, modelId } = record;
    const features = featuresText === undefined ? this.#features(record.features) : onOneLine(featuresText);
    const text =
      `{"specversion":"1.0","id":${id}${this.#attributes(timestamp, modelId)}${trace},"data":{"event_id":${id}` +
      `,"request_id":${jsonString(record.requestId)}` +
      (record.batchIndex === undefined ? '' : `,"batch_index":${record.batchIndex}`) +
      this.#time(timestamp, undefined) +
      this.#model(modelId, record.modelVersion) +
      outcomeOf(record) +
      `,"features":${features},"entities":{${entities}}` +
      (record.tensors === undefined ? '' : `,"tensors":${JSON.stringify(record.tensors)}`) +
      `,"latency_ms":${jsonThousandths(record.latencyMs)},"stages_ms":{${this.#stages(record.stageMs)}}` +
      `${this.#ending(record.cacheHit, record.clientId)}${trace}}}`;
    return { id: record.eventId, key: key ?? record.requestId, text };
  }

  /** The object of values, and the members that say where they came from. */
  #features(features: readonly EventFeature[]): string {
    let values = '';
    let origins = '';
    let personal = '';
    for (const feature of features) {
      const { name, pii, origin } = feature;
      const value = pii ? this.#personalValue(feature) : jsonText(feature.value);
      if (value !== undefined) values += `${values === '' ? '' : ','}${this.#names.text(name)}${value}`;
      if (pii) personal += `${personal === '' ? '' : ','}${jsonString(name)}`;
      if (origin !== 'request') {
        origins += `${origins === '' ? '' : ','}${this.#names.text(name)}${originText(origin, feature.ageSeconds)}`;
      }
    }
    return (
      `{${values}}` +
      (origins === '' ? '' : `,"feature_origins":{${origins}}`) +
      (personal === '' ? '' : `,"personal_features":[${personal}]`)
    );
  }

  #personalValue({ value }: EventFeature): string | undefined {
    const pseudonym = this.#pseudonym(value);
    return pseudonym === undefined ? undefined : `"${pseudonym}"`;
  }

  #stages(stageMs: Readonly<Record<string, number>>): string {
    let text = '';
    for (const stage in stageMs) {
      const names = text === '' ? this.#stageNames : this.#nextStageNames;
      text += names.text(stage) + jsonThousandths(stageMs[stage] ?? 0);
    }
    return text;
  }

  #entities(record: PredictionRecord): { text: string; key: string | undefined } {
    let text = '';
    let key: string | undefined;
    for (const entity of record.entities) {
      const shown = entity.pii ? this.#pseudonym(entity.key) : entity.key;
      if (shown === undefined) continue;
      key ??= String(shown);
      text += `${text === '' ? '' : ','}${jsonString(entity.name)}:${typeof shown === 'number' ? jsonNumber(shown) : jsonString(shown)}`;
    }
    return { text, key };
  }
}

/** An event is one line; valid JSON has line breaks only between tokens. */
function onOneLine(json: string): string {
  return json.includes('\n') || json.includes('\r') ? json.replace(/[\r\n]+/g, ' ') : json;
}

function originText(origin: FeatureOrigin, ageSeconds: number | null | undefined): string {
  if (ageSeconds === undefined) return `{"origin":"${origin}"}`;
  return `{"origin":"${origin}","age_seconds":${ageSeconds === null ? 'null' : jsonThousandths(ageSeconds)}}`;
}

function outcomeOf({ status, errorCode, prediction, confidence }: PredictionRecord): string {
  const outcome =
    status === 'success'
      ? ',"status":"success","error_code":null,"prediction":'
      : `,"status":"error","error_code":${errorCode === undefined ? 'null' : `"${errorCode}"`},"prediction":`;
  return (
    outcome +
    `${prediction === undefined ? 'null' : jsonText(prediction)}` +
    `,"confidence":${confidence === undefined || confidence === null ? 'null' : jsonNumber(confidence)}`
  );
}

function nullableString(text: string | null): string {
  return text === null ? 'null' : jsonString(text);
}
