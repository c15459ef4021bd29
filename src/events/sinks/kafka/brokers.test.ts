import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { kafkaOptions } from '../../options.js';
import { parseBrokers } from './brokers.js';

const isAllowed = new Ajv().compile(kafkaOptions.properties.bootstrap_servers);

describe('bootstrap servers', () => {
  it.each([
    ['kafka:9093', [{ host: 'kafka', port: 9093 }]],
    ['kafka', [{ host: 'kafka', port: 9092 }]],
    [
      ' a.example:1 , 10.0.0.2:2,c',
      [
        { host: 'a.example', port: 1 },
        { host: '10.0.0.2', port: 2 },
        { host: 'c', port: 9092 },
      ],
    ],
    [
      '[::1]:9094,[fe80::2]',
      [
        { host: '::1', port: 9094 },
        { host: 'fe80::2', port: 9092 },
      ],
    ],
  ])('%s', (text, brokers) => {
    expect(isAllowed(text)).toBe(true);
    expect(parseBrokers(text)).toEqual(brokers);
  });

  it.each(['', 'a:9092,', 'a:b', 'a b', 'kafka://a:9092', '::1', 'a:123456'])('%s is refused', (text) => {
    expect(isAllowed(text)).toBe(false);
  });
});
