import type { Enrolment } from "../../core/api/enrolment.ts";
import type { PeerIdentity } from "../../core/api/identity.ts";
import type { Scope, Token } from "../../core/api/token.ts";
import type { Authorities } from "../certificates/authorities.ts";
import type { GatewayAccess } from "../gateways/access.ts";
import type { Deps } from "../ports/deps.ts";

/**
 * What the API needs from outside: what the engine needs, the keys that sign gateways, and what
 * lets them at their queues.
 */
export interface ApiDeps extends Deps {
  readonly authorities: Authorities;
  /** The hosts of the API's public URLs: `ProofDeps`. */
  readonly audiences: readonly string[];
  readonly access: GatewayAccess;
}

/** What a handler finds in its context. */
export interface ApiEnv {
  Variables: {
    requestId: string;
    /** Whose request it is. */
    token: Token;
    /** What the route takes. */
    scope: Scope;
    /** On the routes that gateways use for themselves. */
    gateway: PeerIdentity;
    /** On the route with which one enrols. */
    enrolment: Enrolment;
  };
}
