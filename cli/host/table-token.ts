import { VisibleError } from "../../core/api/errors.ts";
import type { Instant } from "../../core/api/ids.ts";
import type { Scope, Token } from "../../core/api/token.ts";
import { createClients, type Environment } from "../../functions/aws/clients.ts";
import { createDynamodbStore } from "../../functions/aws/dynamodb-store.ts";
import { systemClock } from "../../functions/environment.ts";
import { takeOver } from "../../functions/take-over/take-over.ts";
import { createToken } from "../../functions/tokens/tokens.ts";

/** What a token is made for. */
export interface TokenRequest {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly expiresAt?: Instant;
}

/**
 * Makes a token in an installation's tables itself: the first one, which no API can give. Whoever
 * may write to the table may do everything anyhow. Region and credentials are those of every tool
 * for AWS (AWS_REGION, AWS_PROFILE, …).
 * @throws {VisibleError} NOT_FOUND when the table is not there or can't be written to
 */
export const createTokenInTable = async (
  env: Environment,
  tableName: string,
  request: TokenRequest,
): Promise<Token & { readonly token: string }> => {
  const clients = createClients(env);
  try {
    // What is written about tokens where they once lay counts for nothing from now on.
    await takeOver(clients.dynamodb, tableName, systemClock);
    const store = createDynamodbStore({ client: clients.dynamodb, tableName });
    const { token, record } = await createToken({ store, clock: systemClock }, request);
    return { ...record, token };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new VisibleError("NOT_FOUND", `The table “${tableName}” can't be written to: ${why}`, {
      hint: "Set AWS_REGION, and AWS_PROFILE to somebody who may do dynamodb:UpdateItem on it; sst deploy printed its name.",
      cause: error,
    });
  } finally {
    clients.destroy();
  }
};
