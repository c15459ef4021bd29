import { isIPv6 } from 'node:net';

/**
 * What stands for an address when calls are counted: IPv4 whole, also where it is mapped into IPv6; of IPv6 the first 64 bits, because
 * whoever has one address has all that share them.
 */
export function addressBlock(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const plain = address.split('%', 1)[0] ?? address;
  if (!isIPv6(plain)) return address;
  const [head = '', tail] = plain.split('::');
  const left = groupsOf(head);
  // `::` stands for as many zero groups as are missing; a dotted tail has two groups in one.
  const right = tail === undefined ? [] : groupsOf(tail.replace(/\d+\.\d+\.\d+\.\d+$/, '0:0'));
  const zeros = tail === undefined ? [] : Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0');
  const groups = [...left, ...zeros, ...right].slice(0, 4);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`;
}

function groupsOf(text: string): string[] {
  return text === '' ? [] : text.split(':');
}
