import { credentialsPath, type QueueCredentials, queueCredentialsSchema } from "../../core/api/access.ts";
import { askControlPlane } from "../enrolment/control-plane.ts";
import { proofFor } from "../enrolment/proof.ts";
import type { Time } from "../time.ts";
import type { TlsCredentials } from "../tunnel/certificates.ts";

/** Asks for other ones so long before they expire, so that clocks may differ and a request may take its time. */
const marginMs = 5 * 60 * 1000;

export interface QueueAccessOptions {
  readonly api: string;
  /** The certificate in use. */
  readonly current: () => TlsCredentials;
  readonly time: Time;
  readonly signal: AbortSignal;
}

/**
 * Credentials for the site's queues from the control plane, by a proof of the gateway's certificate. They are asked for when they are
 * needed and the last ones are about to expire, once at a time.
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
    this.#last = await this.#asking;
    return this.#last;
  }

  async #ask(): Promise<QueueCredentials> {
    const { api, current, time, signal } = this.#options;
    const bearer = await proofFor(new URL(api).host, current(), time.nowMs());
    return askControlPlane({ api, path: credentialsPath, bearer, json: {}, answer: queueCredentialsSchema, signal });
  }
}
