import type { Lun } from "../../../iscsi/lun/lun.ts";
import { unlessAborted } from "../../../time/unless-aborted.ts";
import type { StorageCall } from "../../call.ts";
import { writeBytes } from "./lun-bytes.ts";

/** So much is gathered before it is sent, where one write goes on where the last one ended. */
const gatheredBytesMax = 1024 * 1024;
const underWayMax = 8;

/**
 * Buffers that nobody writes from now: of all queues of a thread, since a new one costs more than
 * what is gathered in it.
 */
const spare: Buffer[] = [];
const spareMax = 2 * underWayMax;

interface Gathered {
  readonly offset: number;
  readonly bytes: Buffer;
  /** What the bytes are a part of; undefined: it is not used again. */
  readonly whole?: Buffer | undefined;
}

/**
 * Writes to a LUN, neighbours together and several at once. What fails is told by whatever is
 * called next. A write that overlaps one that is under way waits for it. What is under way is not
 * called off with the call that sent it: who writes next has to know when it is over.
 */
export class WriteQueue {
  readonly #lun: Lun;
  #gathered: Buffer | undefined;
  #gatheredBytes = 0;
  #offset = 0;
  readonly #underWay = new Set<{ readonly from: number; readonly until: number; readonly done: Promise<void> }>();
  /** What was not written, for whatever reason. */
  #failure: { readonly error: unknown } | undefined;
  /** Something was sent, and nobody knows what has become of it. */
  #mayArrive = false;

  constructor(lun: Lun) {
    this.#lun = lun;
  }

  /** `data` is taken before anything is waited for. */
  async write(offset: number, data: Uint8Array, call?: StorageCall): Promise<void> {
    this.#tellFailure();
    const goesOn = this.#gatheredBytes > 0 && offset === this.#offset + this.#gatheredBytes;
    const fits = this.#gatheredBytes + data.length <= gatheredBytesMax;
    const before = this.#gatheredBytes > 0 && !(goesOn && fits) ? this.#take() : undefined;
    if (data.length >= gatheredBytesMax) {
      const own = { offset, bytes: Buffer.from(data) };
      if (before !== undefined) await this.#send(before, call);
      return this.#send(own, call);
    }
    this.#gather(offset, data);
    if (before !== undefined) await this.#send(before, call);
  }

  /**
   * Nothing more is written. Waits for what is under way, as long as the LUN's own limits let it.
   * @returns whether all of it is certainly over: what failed may be on its way still
   */
  async end(): Promise<boolean> {
    this.#gatheredBytes = 0;
    await this.#all();
    return !this.#mayArrive;
  }

  /** All that was written has arrived. */
  async settle(call?: StorageCall): Promise<void> {
    if (this.#gatheredBytes > 0) await this.#send(this.#take(), call);
    await this.#waitFor(this.#all(), call);
    this.#tellFailure();
  }

  async #all(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all([...this.#underWay].map(({ done }) => done));
  }

  #gather(offset: number, data: Uint8Array): void {
    this.#gathered ??= spare.pop() ?? Buffer.allocUnsafeSlow(gatheredBytesMax);
    if (this.#gatheredBytes === 0) this.#offset = offset;
    this.#gathered.set(data, this.#gatheredBytes);
    this.#gatheredBytes += data.length;
  }

  #take(): Gathered {
    const whole = this.#gathered;
    const taken = { offset: this.#offset, bytes: whole?.subarray(0, this.#gatheredBytes) ?? Buffer.alloc(0), whole };
    this.#gathered = undefined;
    this.#gatheredBytes = 0;
    return taken;
  }

  async #send(of: Gathered, call: StorageCall | undefined): Promise<void> {
    const [from, until] = [of.offset, of.offset + of.bytes.length];
    // Blocks that two writes share are read and written by both.
    const near = this.#lun.blockBytes;
    const others = [...this.#underWay].filter((one) => one.from < until + near && from < one.until + near);
    await this.#waitFor(Promise.all(others.map(({ done }) => done)), call);
    while (this.#underWay.size >= underWayMax) {
      await this.#waitFor(Promise.race([...this.#underWay].map(({ done }) => done)), call);
    }
    this.#tellFailure();
    const written = writeBytes(this.#lun, of.offset, of.bytes, call?.onMoved && { onMoved: call.onMoved }).then(
      () => {
        // One whose writing failed may be on its way still.
        if (of.whole !== undefined && spare.length < spareMax) spare.push(of.whole);
      },
      (error: unknown) => {
        this.#failure ??= { error };
        this.#mayArrive = true;
      },
    );
    const entry = { from, until, done: written.then(() => void this.#underWay.delete(entry)) };
    this.#underWay.add(entry);
  }

  /** What was to be written after that is not when it is called off, and so nothing counts. */
  async #waitFor(work: Promise<unknown>, call: StorageCall | undefined): Promise<void> {
    try {
      await unlessAborted(call?.signal, work);
    } catch (error) {
      this.#failure ??= { error };
      throw error;
    }
  }

  #tellFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
