import type { PeerIdentity } from "../../core/api/identity.ts";
import type { Token } from "../../core/api/token.ts";
import type { Authorities } from "../authorities.ts";
import type { Deps } from "../deps.ts";

/** What the API needs from outside: what the engine needs, and the keys that sign gateways. */
export interface ApiDeps extends Deps {
  readonly authorities: Authorities;
}

/** What a handler finds in its context. */
export interface ApiEnv {
  Variables: {
    requestId: string;
    /** Whose request it is. */
    token: Token;
    /** On the routes that gateways use for themselves. */
    gateway: PeerIdentity;
  };
}
