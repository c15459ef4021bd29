import { addressBlock } from './address-block.js';
import type { Authenticator, Credentials } from './authenticator.js';
import type { AccessObserver } from './observer.js';
import { anonymousScopes, type Principal } from './principal.js';

/** Lets everybody in: `auth.mode: none`. Callers are told apart by address. */
export class AnonymousAuthenticator implements Authenticator {
  readonly #observer: Pick<AccessObserver, 'authOk'>;
  /** Who called last calls again: mostly a proxy. */
  #last: { readonly address: string; readonly principal: Principal } | undefined;

  constructor(observer: Pick<AccessObserver, 'authOk'>) {
    this.#observer = observer;
  }

  authenticate({ address }: Credentials): Principal {
    this.#observer.authOk('anonymous');
    if (this.#last?.address === address) return this.#last.principal;
    const principal = { id: addressBlock(address), clientId: null, scopes: anonymousScopes };
    this.#last = { address, principal };
    return principal;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
