import assert from "node:assert/strict";

/** What a new account has of concurrent executions, for all its functions together. */
export const newAccountExecutions = 10;

/** AWS's bounds of one event source mapping. */
const mappingMin = 2;
const mappingMax = 1000;

/**
 * How many calls of its function a queue's messages may take up at once. So a burst waits in its
 * queue, from which Lambda takes no more than it may hand over, and leaves executions to the API,
 * to schedules and to the sweep. There are two queues of dead letters: of 10 executions two are
 * left when all three have a burst.
 * @param executions of the account
 */
export const concurrencyOf = (executions: number): { readonly reports: number; readonly deadLetters: number } => {
  assert(
    Number.isInteger(executions) && executions >= newAccountExecutions,
    `LAMBDA_CONCURRENCY is how many concurrent executions the account has, ${newAccountExecutions} or more`,
  );
  return { reports: Math.min(mappingMax, Math.floor(executions * 0.4)), deadLetters: mappingMin };
};
