import type { Agreed } from "../agreed.ts";
import type { NbdExport } from "../export.ts";
import type { Incoming } from "../incoming.ts";
import type { Outgoing } from "../outgoing.ts";
import type { Pieces } from "./pieces.ts";
import type { Turns } from "./turns.ts";

/** A connection past its handshake. */
export interface Conversation {
  readonly served: NbdExport;
  readonly agreed: Agreed;
  readonly incoming: Incoming;
  readonly outgoing: Outgoing;
  readonly pieces: Pieces;
  readonly turns: Turns;
  readonly requestsInFlight: number;
  /** Hears why a request failed that was a good one. */
  readonly onFailed: (error: unknown) => void;
  /** Ends it at once: what was begun can't be told to have failed. */
  readonly cut: () => void;
}
