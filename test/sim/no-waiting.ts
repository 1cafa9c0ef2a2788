import { after, before, mock } from "node:test";

/** A timer that fires at once. */
export const atOnce = ((callback: (...values: unknown[]) => void, _?: number, ...values: unknown[]) => {
  queueMicrotask(() => callback(...values));
}) as unknown as typeof setTimeout;

/**
 * Waits that go by the clock of the machine, such as the SDK's before it tries again, take no time
 * in the tests of this file: in the simulation time is a number, and what comes next must not hang
 * on how long something took.
 */
export const withoutWaiting = (): void => {
  before(() => void mock.method(globalThis, "setTimeout", atOnce));
  after(() => mock.restoreAll());
};
