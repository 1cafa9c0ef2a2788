import type { Environment } from "./clients.ts";

/** What an emulator is known to do otherwise than AWS. The tests say so, and that it still does. */
export type KnownDifference =
  | "forgets the group of a message on a standard queue"
  | "takes a schedule in a group that is not there";

/** AWS's services, or what stands in for them, and how to end them when the tests are over. */
export interface ServicesUnderTest {
  /** What the clients find them by. */
  readonly env: Environment;
  stop(): Promise<void>;
}
