import type { TaskContext } from "./context.ts";

/** For who does tasks, and neither attaches nor waits for anything, as benchmarks do. */
export const servesNothing: Pick<TaskContext, "serve" | "onAttached" | "awaitReady"> = {
  serve: () => Promise.reject(new Error("nothing is attached here")),
  onAttached: async () => undefined,
  awaitReady: () => Promise.reject(new Error("nothing is waited for here")),
};
