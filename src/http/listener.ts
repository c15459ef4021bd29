import type { AddressInfo } from 'node:net';

/** What holds the port. */
export interface Listener {
  listen(at: { readonly host: string; readonly port: number }): Promise<AddressInfo>;
  /** Takes no new connection, lets requests in flight end, and cuts the connections that are left after `graceMs`. */
  close(graceMs: number): Promise<void>;
}
