import { request } from "undici";
import { errorBodySchema } from "../../core/api/answers.ts";
import { VisibleError } from "../../core/api/errors.ts";
import { HostClock } from "../time/host-clock.ts";
import { systemTime } from "../time/time.ts";
import type { Check } from "./check.ts";
import { assertRight, silent } from "./clock.ts";

const answerMs = 10_000;

/**
 * That the control plane answers where the gateway will renew its certificate, and has the same
 * time: it refuses whoever shows nothing.
 */
export const checkApi: Check = async ({ api }) => {
  if (api === undefined) return "none: somebody else renews the certificate's files";
  const wrong = (why: string, cause?: unknown) =>
    new VisibleError("LINK_BROKEN", `The control plane is not to be had at ${api}: ${why}.`, {
      hint: "See that api is its URL, that this host may go there, and that NODE_EXTRA_CA_CERTS names its authority if it is your own.",
      cause,
    });
  const { statusCode, headers, body } = await request(new URL("/v1/sites", api), {
    signal: AbortSignal.timeout(answerMs),
  }).catch((cause: unknown) => {
    throw wrong(cause instanceof Error ? cause.message : String(cause), cause);
  });
  const json = await body.json().catch(() => undefined);
  const code = errorBodySchema.safeParse(json).data?.error.code;
  if (code === "UNAUTHENTICATED") {
    const clock = new HostClock({ time: systemTime, log: silent });
    clock.heard(headers["date"]?.toString());
    assertRight(clock);
    return `the control plane answers at ${api}`;
  }
  throw wrong(`it answered ${statusCode}, and not as a control plane does`);
};
