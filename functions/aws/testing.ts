import type { Environment } from "./clients.ts";

/** What an emulator is known to do otherwise than AWS. The tests say so, and that it still does. */
export type KnownDifference =
  | "forgets the group of a message on a standard queue"
  | "answers that it has an error of its own when a schedule's group is not there";

/** AWS's services, or what stands in for them, and how to end them when the tests are over. */
export interface ServicesUnderTest {
  /** What the clients find them by. */
  readonly env: Environment;
  stop(): Promise<void>;
}
