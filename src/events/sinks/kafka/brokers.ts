export interface Broker {
  readonly host: string;
  readonly port: number;
}

const defaultPort = 9092;

/** `a:9092, b, [::1]:9093` → hosts and ports. The text fits `bootstrap_servers` of the options. */
export function parseBrokers(text: string): Broker[] {
  return text.split(',').map((item) => {
    const [, bracketed, plain, port] = /^\s*(?:\[([^\]]*)\]|([^:]*?))(?::(\d+))?\s*$/.exec(item) ?? [];
    return { host: bracketed ?? plain ?? '', port: port === undefined ? defaultPort : Number(port) };
  });
}
