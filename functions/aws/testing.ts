import type { Environment } from "./clients.ts";

/** AWS's services, or what stands in for them, and how to end them when the tests are over. */
export interface ServicesUnderTest {
  /** What the clients find them by. */
  readonly env: Environment;
  stop(): Promise<void>;
}
