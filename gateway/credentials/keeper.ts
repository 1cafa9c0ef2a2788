import { X509Certificate } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { RevocationList } from "../../core/api/enrolment.ts";
import { VisibleError } from "../../core/api/errors.ts";
import type { Instant } from "../../core/api/ids.ts";
import { fingerprintOf } from "../../pki/authority.ts";
import { isOfFuture, plainSerial, type Revocations, readRevocations } from "../../pki/revocations.ts";
import type { Log } from "../log/log.ts";
import { whileMoving } from "../time/standstill.ts";
import { steadyTime, type Time } from "../time/time.ts";
import type { TlsCredentials } from "../tunnel/certificates.ts";

/** How soon a certificate that somebody else renews is taken up. */
export const lookMs = 30_000;
/**
 * Reading and writing a few small files; a disk that hangs for longer must not keep the next change
 * from being taken up.
 */
const filesSeconds = 60;

export interface CredentialKeeperOptions {
  readonly current: TlsCredentials;
  /** Reads the files and judges them. */
  readonly load: () => Promise<TlsCredentials>;
  /** Lets the tunnel go by them. */
  readonly renew: (credentials: TlsCredentials) => Promise<void>;
  /** This host's clock, by which TLS goes, in milliseconds since 1970. */
  readonly nowMs?: () => number;
  /** Keeps a list of revocations for the next start. */
  readonly store: (pem: string) => Promise<void>;
  readonly time?: Time;
  readonly log: Log;
}

/**
 * Whoever the tunnel is to show itself as, and whom it is to believe: from the files, and from the
 * control plane.
 */
export class CredentialKeeper {
  readonly #options: CredentialKeeperOptions;
  readonly #removed = Promise.withResolvers<never>();
  readonly #nowMs: () => number;
  #current: TlsCredentials;
  /** When the newest list was issued that can't be gone by. */
  #uselessAtMs = 0;
  /** Whether TLS goes by the list of revocations: not while it is one of the future. */
  #isListUsed: boolean;
  /** One change after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: CredentialKeeperOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? Date.now;
    this.#current = options.current;
    this.#isListUsed = !isOfFuture(options.current.revocations, this.#nowMs());
    // Whoever waits for it hears of it.
    this.#removed.promise.catch(() => undefined);
  }

  get current(): TlsCredentials {
    return this.#current;
  }

  /**
   * Of the newest list of revocations that was seen: the one that is gone by, or one that can't be.
   */
  get revocationsAt(): Instant | undefined {
    const atMs = Math.max(this.#current.revocations?.atMs ?? 0, this.#uselessAtMs);
    return atMs === 0 ? undefined : (new Date(atMs).toISOString() as Instant);
  }

  /** Rejects with GATEWAY_REMOVED when our own certificate is revoked. */
  get removed(): Promise<never> {
    return this.#removed.promise;
  }

  /**
   * Takes up what the control plane has put into the files now. @throws what is wrong with them;
   * the old ones stay then
   */
  async reload(): Promise<void> {
    await this.#inTurn(async (signal) => {
      await this.#take(await this.#options.load(), signal);
      this.#uselessAtMs = 0;
    });
  }

  /**
   * Goes by a newer list of revocations, and keeps it. One that can't be gone by, since another
   * authority has signed it for example, is told in the log and not asked for again: it would make
   * us refuse everybody.
   */
  revoke({ pem, issuedAt, authority }: RevocationList): Promise<void> {
    return this.#inTurn(async (signal) => {
      const list = await this.#usable(pem, issuedAt, authority);
      if (list === undefined) return;
      if (!this.#isNewer(list, this.#current.revocations)) return;
      await this.#options.store(list.pem);
      this.#uselessAtMs = 0;
      await this.#take({ ...this.#current, revocations: list }, signal);
      this.#options.log.info(
        { revoked: list.serials.size, at: this.revocationsAt },
        "a list of revocations was taken up",
      );
    });
  }

  async #usable(pem: string, issuedAt: Instant, authority: string): Promise<Revocations | undefined> {
    const { caPem } = this.#current;
    try {
      if (authority !== fingerprintOf(caPem)) throw new TypeError("it is not of the authority that we believe");
      return await readRevocations(pem, caPem);
    } catch (error) {
      this.#uselessAtMs = Math.max(this.#uselessAtMs, Date.parse(issuedAt));
      this.#options.log.error(
        { err: error, issuedAt },
        "a list of revocations can't be used; what it revokes is believed",
      );
      return undefined;
    }
  }

  /** The control plane says that we were removed: there is nothing more to do here. */
  readonly noteRemoved = (error: VisibleError): void => this.#removed.reject(error);

  /**
   * Takes up what is renewed in the files by somebody else, until the signal is aborted. While they
   * are being replaced, or when they are wrong, the old ones stay, and the log says why.
   */
  async follow(time: Time, signal: AbortSignal): Promise<void> {
    const { load, log } = this.#options;
    let seen = this.#current;
    for (;;) {
      await time.sleep(lookMs, signal);
      if (signal.aborted) return;
      try {
        await this.#inTurn(() => this.#useList());
        const found = await this.#inTime(load);
        // Certificate and key are two files: they are taken when they have been the same twice.
        const isSettled = isDeepStrictEqual(found, seen);
        seen = found;
        if (!isSettled || isDeepStrictEqual(found, this.#current)) continue;
        if (await this.#inTurn((turn) => this.#take(found, turn)))
          log.info({}, "what is in the certificate's files was taken up");
      } catch (error) {
        log.warn({ err: error }, "the certificate's files can't be used; the old ones stay");
      }
    }
  }

  /**
   * A clock that is set makes of the list in use one of the future, and takes it back: TLS goes by
   * it accordingly.
   */
  async #useList(): Promise<void> {
    const isUsed = !isOfFuture(this.#current.revocations, this.#nowMs());
    if (isUsed === this.#isListUsed) return;
    await this.#options.renew(this.#current);
    this.#isListUsed = isUsed;
    const at = this.revocationsAt;
    if (isUsed) this.#options.log.info({ at }, "the list of revocations is gone by again");
    else this.#options.log.error({ at }, "the list of revocations is of the future: see this host's clock");
  }

  /**
   * @returns whether anything changed.
   * @throws the signal's reason: somebody else's turn has come by then
   */
  async #take(found: TlsCredentials, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    // The file of the revocations may be older than what we were told.
    const revocations = this.#isNewer(found.revocations, this.#current.revocations)
      ? found.revocations
      : this.#current.revocations;
    const next = { ...found, revocations };
    if (isDeepStrictEqual(next, this.#current)) return false;
    if (isRevoked(next)) {
      this.#removed.reject(gatewayRemoved());
      return false;
    }
    await this.#options.renew(next);
    signal.throwIfAborted();
    this.#current = next;
    this.#isListUsed = !isOfFuture(next.revocations, this.#nowMs());
    return true;
  }

  /** Whatever was made since is newer than a list of the future. */
  #isNewer(list: Revocations | undefined, than: Revocations | undefined): boolean {
    if (list === undefined || than === undefined) return list !== undefined;
    const [isFuture, wasFuture] = [list, than].map((one) => isOfFuture(one, this.#nowMs()));
    return isFuture === wasFuture ? list.atMs > than.atMs : wasFuture === true;
  }

  #inTurn<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => this.#inTime(work));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  #inTime<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const late = () => new VisibleError("TIMEOUT", `The certificate's files did not answer within ${filesSeconds} s.`);
    const { time = steadyTime } = this.#options;
    return whileMoving({ seconds: filesSeconds, time, late }, ({ signal }) => work(signal));
  }
}

/** Whether our own certificate is in the list that we go by. */
export const isRevoked = ({ certificatePem, revocations }: TlsCredentials): boolean =>
  revocations?.serials.has(plainSerial(new X509Certificate(certificatePem).serialNumber)) ?? false;

export const gatewayRemoved = (): VisibleError =>
  new VisibleError("GATEWAY_REMOVED", "This gateway was removed: its certificate is revoked.", {
    hint: "If it should come back, ask somebody with an admin token for an enrolment token, and enrol it: smtx-backup gateway enrol -c FILE.",
  });
