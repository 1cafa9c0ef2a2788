import { credentialsPath, type QueueCredentials, queueCredentialsSchema } from "../../core/api/access.ts";
import { VisibleError } from "../../core/api/errors.ts";
import { proofFor, type RequestToProve } from "../../pki/proof.ts";
import { askControlPlane } from "../enrolment/control-plane.ts";
import type { Time } from "../time/time.ts";
import type { TlsCredentials } from "../tunnel/certificates.ts";

/**
 * Asks for other ones so long before they expire, so that clocks may differ and a request may take
 * its time.
 */
export const marginMs = 5 * 60 * 1000;

export interface QueueAccessOptions {
  readonly api: string;
  /** The certificate in use. */
  readonly current: () => TlsCredentials;
  /** Called when the gateway was removed: it gets none any more. */
  readonly onRemoved: (error: VisibleError) => void;
  /** What the control plane calls now: it says until when credentials are good. */
  readonly time: Time;
  readonly heard?: (date: string | undefined) => void;
  readonly signal: AbortSignal;
}

/**
 * Credentials for the site's queues from the control plane, by a proof of the gateway's
 * certificate. They are asked for when they are needed and the last ones are about to expire, once
 * at a time.
 */
export class QueueAccess {
  readonly #options: QueueAccessOptions;
  #last: QueueCredentials | undefined;
  #asking: Promise<QueueCredentials> | undefined;

  constructor(options: QueueAccessOptions) {
    this.#options = options;
  }

  /** @throws VisibleError what the control plane refused them with; LINK_BROKEN, TIMEOUT */
  async get(): Promise<QueueCredentials> {
    const { nowMs } = this.#options.time;
    if (this.#last !== undefined && Date.parse(this.#last.expiresAt) - nowMs() > marginMs) return this.#last;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    try {
      this.#last = await this.#asking;
    } catch (error) {
      if (VisibleError.is(error, "GATEWAY_REMOVED")) this.#options.onRemoved(error);
      // Those from before are good for some minutes more, and by then the control
      // plane may answer again.
      else if (this.#last !== undefined && Date.parse(this.#last.expiresAt) > nowMs()) return this.#last;
      throw error;
    }
    return this.#last;
  }

  async #ask(): Promise<QueueCredentials> {
    const { api, current, time, heard, signal } = this.#options;
    const bearer = (request: RequestToProve) => proofFor(request, current(), time.nowMs());
    const answer = queueCredentialsSchema;
    return askControlPlane({ api, path: credentialsPath, bearer, json: {}, answer, heard, signal });
  }

  /** When credentials expire by this host's clock, which is what the SDK looks at. */
  expiresAtHere({ expiresAt }: QueueCredentials): Date {
    return new Date(Date.parse(expiresAt) + Date.now() - this.#options.time.nowMs());
  }
}
