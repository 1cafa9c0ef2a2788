import type { TaskContext } from "./context.ts";

/** For who does tasks and attaches nothing, as benchmarks do. */
export const servesNothing: Pick<TaskContext, "serve" | "onAttached"> = {
  serve: () => Promise.reject(new Error("nothing is attached here")),
  onAttached: async () => undefined,
};
