import { addressBlock } from './address-block.js';
import type { Authenticator, Credentials } from './authenticator.js';
import type { AccessObserver } from './observer.js';
import { anonymousScopes, type Principal } from './principal.js';

/** Lets everybody in: `auth.mode: none`. Callers are told apart by address. */
export class AnonymousAuthenticator implements Authenticator {
  readonly #observer: Pick<AccessObserver, 'authOk'>;

  constructor(observer: Pick<AccessObserver, 'authOk'>) {
    this.#observer = observer;
  }

  authenticate({ address }: Credentials): Principal {
    this.#observer.authOk('anonymous');
    return { id: addressBlock(address), clientId: null, scopes: anonymousScopes };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
