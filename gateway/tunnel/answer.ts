import type { IncomingMessage, ServerResponse } from "node:http";
import { z } from "zod";
import { codeSchema, cutSentence, sentenceSchema } from "../../core/api/bounds.ts";
import { errorToldAs, VisibleError } from "../../core/api/errors.ts";
import { jsonIn } from "../../core/api/json.ts";
import type { Log } from "../log/log.ts";
import { isBeating } from "./beats.ts";

/** How long who was answered may go on sending what nobody reads before its connection is cut. */
export const drainMs = 5_000;

/** After beats, which have told a status of 200, the body alone says what it came to. */
export const answerJson = (response: ServerResponse, status: number, body: unknown): void => {
  // It was answered already when the work stood still.
  if (response.writableEnded) return;
  const text = JSON.stringify(body);
  if (isBeating(response)) {
    response.end(text);
    return;
  }
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
};

/** What a peer is told of an error. What is no VisibleError is logged and told as INTERNAL. */
export const toldOf = (
  error: unknown,
  log: Log,
  fields: object,
): { readonly status: number; readonly body: { readonly error: object } } => {
  if (!VisibleError.is(error)) log.error({ ...fields, err: error }, "a request failed in a way that nobody foresaw");
  const told = VisibleError.is(error) ? error : new VisibleError("INTERNAL", "The peer gateway met a defect.");
  const { code, newestSequence } = told;
  const [message, hint] = [cutSentence(told.message), told.hint && cutSentence(told.hint)];
  return { status: told.status, body: { error: { code, message, hint, newestSequence } } };
};

/**
 * Answers `{error: {code, message, hint, newestSequence}}`. A body that is still coming is read to
 * nowhere for a while: closing at once would reset the connection, and the peer would not get to
 * read why.
 */
export const answerError = (request: IncomingMessage, response: ServerResponse, error: unknown, log: Log): void => {
  const fields = { err: error, method: request.method, path: request.url };
  if (request.socket.destroyed) {
    log.failed(fields, "the peer went away before it was answered");
    return;
  }
  if (response.headersSent && !isBeating(response)) {
    log.failed(fields, "a request failed after its answer had begun");
    request.socket.destroy();
    return;
  }
  const { status, body } = toldOf(error, log, fields);
  answerJson(response, status, body);
  if (request.complete) return;
  const cut = setTimeout(() => request.socket.destroy(), drainMs);
  cut.unref();
  request.once("close", () => clearTimeout(cut));
  request.resume();
};

const errorBodySchema = z.object({
  error: z.object({
    code: codeSchema,
    message: sentenceSchema,
    hint: sentenceSchema.optional(),
    newestSequence: z.int().min(1).optional(),
  }),
});

/**
 * What a peer, a gateway of `site`, answered. Its status says nothing of an error that came after
 * its first sign of life.
 * @throws the VisibleError that it stands for; LINK_BROKEN when something on the way answered in
 *   its place
 */
export const readAnswer = (status: number, text: string, site?: string): unknown => {
  const json = jsonIn(text);
  const parsed = errorBodySchema.safeParse(json);
  if (parsed.success) throw errorToldAs(parsed.data.error, site);
  const isError = typeof json === "object" && json !== null && "error" in json;
  if (status === 200 && !isError) return json;
  throw new VisibleError("LINK_BROKEN", `The peer gateway answered ${status}, without saying why.`, {
    hint: "See whether the endpoint is a gateway's, and what stands between.",
  });
};
