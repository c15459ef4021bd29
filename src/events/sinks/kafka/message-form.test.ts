import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { predictionRecord } from '../../../../test/support/events/publisher-fixture.js';
import { EventEncoder } from '../../wire-event.js';
import { contentOf } from './message-form.js';
import type { JsonObject } from '../../../shared/json.js';

const encoder = new EventEncoder({ source: '/inference,"data":-service', environment: 'test' });
const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const jsonOf = (changes: Parameters<typeof predictionRecord>[1]) =>
  Buffer.from(encoder.encode(predictionRecord(1, changes)).text);
const texts = (headers: Map<Buffer, Buffer>) =>
  Object.fromEntries([...headers].map(([name, value]) => [name.toString(), value.toString()]));

describe('an event as a Kafka message', () => {
  it('in binary mode has its attributes as headers and the data as its value', () => {
    const json = jsonOf({ traceparent });
    const { data, datacontenttype, ...attributes } = JSON.parse(json.toString()) as Record<string, unknown>;
    const { value, headers } = contentOf(json, 'binary');
    expect(JSON.parse(value.toString())).toEqual(data);
    expect(texts(headers)).toEqual({
      ...Object.fromEntries(Object.entries(attributes).map(([name, text]) => [`ce_${name}`, text])),
      'content-type': datacontenttype,
      traceparent,
    });
  });

  it('in structured mode is the whole event', () => {
    const json = jsonOf({ traceparent });
    const { value, headers } = contentOf(json, 'structured');
    expect(value).toBe(json);
    expect(texts(headers)).toEqual({ 'content-type': 'application/cloudevents+json; charset=UTF-8', traceparent });
  });

  it('has no traceparent where the event has none', () => {
    expect(texts(contentOf(jsonOf({}), 'binary').headers)).not.toHaveProperty('traceparent');
    expect(texts(contentOf(jsonOf({}), 'structured').headers)).not.toHaveProperty('traceparent');
  });

  it('is cut at its data, whatever the attributes and the data say', () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(',"data":', '"', '\\', '{', '}', 'é') }));
    fc.assert(
      fc.property(text, text, fc.jsonValue(), (eventId, modelId, prediction) => {
        const json = jsonOf({ eventId, modelId, prediction: { [modelId]: prediction } as JsonObject });
        const event = JSON.parse(json.toString()) as { id: string; subject: string; data: unknown };
        const { value, headers } = contentOf(json, 'binary');
        expect(JSON.parse(value.toString())).toEqual(event.data);
        expect(texts(headers)).toMatchObject({ ce_id: event.id, ce_subject: event.subject });
      }),
    );
  });

  it('is refused without data', () => {
    expect(() => contentOf(Buffer.from('{"id":"1"}'), 'binary')).toThrow(SyntaxError);
  });
});
