import { VisibleError } from "../../core/api/errors.ts";
import { createClients, type Environment } from "../../functions/aws/clients.ts";
import { systemClock } from "../../functions/environment.ts";
import { type TakenOver, takeOver } from "../../functions/take-over/take-over.ts";

/**
 * Takes apart an installation's table from before, with the credentials of every tool for AWS: no
 * function may do so much.
 * @throws {VisibleError} NOT_FOUND when a table is not there or can't be written to
 */
export const takeOverTable = async (env: Environment, tableName: string): Promise<TakenOver> => {
  const clients = createClients(env);
  try {
    return await takeOver(clients.dynamodb, tableName, systemClock);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new VisibleError("NOT_FOUND", `The table “${tableName}” can't be taken apart: ${why}`, {
      hint: "Set AWS_REGION, and AWS_PROFILE to somebody who may change its items and those of the tables beside it; sst deploy printed its name. What was moved stays moved: try again.",
      cause: error,
    });
  } finally {
    clients.destroy();
  }
};
