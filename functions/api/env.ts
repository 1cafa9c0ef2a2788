import type { Token } from "../../core/api/token.ts";
import type { Deps } from "../deps.ts";

/** What the API needs from outside: what the engine needs. */
export type ApiDeps = Deps;

/** What a handler finds in its context. */
export interface ApiEnv {
  Variables: {
    requestId: string;
    /** Whose request it is. */
    token: Token;
  };
}
