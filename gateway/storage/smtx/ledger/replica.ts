import type { StorageCall } from "../../call.ts";
import { type Changes, decodeChanges, encodeChanges } from "./changes.ts";
import { packImage, readImage, writeImage } from "./checkpoint.ts";
import { LedgerCopy } from "./copy.ts";
import { deviceBlockBytes, type LedgerDevice } from "./device.ts";
import { busy, corrupt, full } from "./errors.ts";
import { blankHead, isOn, logOffset, moved, nextHalf, roomBytes } from "./halves.ts";
import { type FoundHeads, imageBytesMax, type LedgerHead, readHeads, tooNew, withHead } from "./head.ts";
import { decodeRecord, encodeRecord, type FoundRecord, type LogPosition, toldBytes } from "./record.ts";

/** A reader meets a writer so often only if something is wrong. */
const triesMax = 16;

/** A log that is longer than that, and than twice its checkpoint, gives way to a new checkpoint. */
const logBytesMin = 1024 * 1024;

/** What is read at once of a device that should be empty. */
const pieceBytes = 1024 * 1024;

/** How far a copy is: at the head that was found, but for what is behind that. */
interface At extends LogPosition {
  readonly id: string;
  readonly generation: number;
  readonly logBytes: number;
}

/** A copy of the database, and where on the device it was brought to. One call at a time. */
export class Replica {
  readonly #device: LedgerDevice;
  readonly #logBytesMin: number;
  #copy: LedgerCopy | undefined;
  #at: At | undefined;
  /** Of the copies that `migrate` has seen. */
  #version: number | undefined;
  /** Of the device as it was read last. */
  #block: Uint8Array = new Uint8Array(deviceBlockBytes);
  #head: LedgerHead | undefined;

  constructor(device: LedgerDevice, options: { readonly logBytesMin?: number | undefined }) {
    this.#device = device;
    this.#logBytesMin = options.logBytesMin ?? logBytesMin;
  }

  get copy(): LedgerCopy {
    if (this.#copy === undefined) throw new TypeError("the copy was not brought up to date");
    return this.#copy;
  }

  /**
   * Brings the copy up to date: one read of a block where nothing has changed.
   * @returns false: a head may have been lost, and `mend` is to be called by somebody exclusive
   * @throws STORE_CORRUPT, STORE_TOO_NEW, CLUSTER_BUSY, what the device throws
   */
  async refresh(call?: StorageCall): Promise<boolean> {
    for (let tries = 0, before: number | undefined; tries < triesMax; tries++) {
      const { newest, hasDamage } = await this.#readHeads(call);
      if (newest === undefined || newest.number === 0) throw corrupt(this.#device.name, "its heads are gone");
      const hadCopy = this.#copy !== undefined;
      const wrong = await this.#follow(newest, call);
      if (wrong === undefined) return !hasDamage;
      this.discard();
      // It may have been written meanwhile, or the copy had what a crash of the device took back.
      if (!hadCopy && before === newest.number) throw corrupt(this.#device.name, wrong);
      before = newest.number;
    }
    throw busy(`The ledger on ${this.#device.name} was changed each time that it was read.`);
  }

  /** Exclusively: makes an empty device a ledger, and the tables what they should be. */
  async begin(migrate: Parameters<LedgerCopy["migrate"]>[0], call?: StorageCall): Promise<void> {
    const { newest, hasDamage } = await this.#readHeads(call);
    if (newest === undefined && hasDamage) throw corrupt(this.#device.name, "its heads are damaged, or not ours");
    if (newest === undefined || newest.number === 0) await this.#format(newest, call);
    else await this.mend(call);
    const isNew = this.copy.migrate(migrate);
    this.#version = this.copy.version;
    // The chain goes another way then, so that nobody goes on with a copy of the old form.
    if (isNew) await this.#turn(moved(this.#known));
  }

  /**
   * Exclusively: `refresh`, and puts a head in the place of a damaged one, with the record that it
   * may have named.
   */
  async mend(call?: StorageCall): Promise<void> {
    if (await this.refresh(call)) return;
    const head = this.#known;
    const found = await this.#recordBehind(call);
    if (found === undefined) return this.#name(head);
    if (!this.copy.apply([decodeChanges(found.payload)])) {
      this.discard();
      throw corrupt(this.#device.name, `its record ${found.position.sequence} doesn't fit`);
    }
    await this.#name({ ...head, ...found.position, logBytes: head.logBytes + found.bytes });
  }

  /**
   * Exclusively, and when the copy is up to date: makes changes in the copy, and records them; what
   * the log has no room for by a new checkpoint. Once it has begun it is not called off: what was
   * sent could still arrive.
   * @param options.made so many of the changesets were made in the copy already
   * @throws STORE_FULL, TypeError (another copy couldn't make them); nothing is recorded then. What
   *   the device throws: it is not known whether they are recorded
   */
  async append(changes: Changes, { made = 0 }: { readonly made?: number } = {}): Promise<void> {
    const head = this.#known;
    const { bytes, position } = encodeRecord(head, encodeChanges(changes));
    const toMake = { ...changes, changesets: changes.changesets.slice(made) };
    try {
      if (!this.copy.apply([toMake])) throw new TypeError("these changes can't be made in another copy");
      if (this.#isFull(bytes.length)) return await this.#turn(position);
      await this.#device.write(logOffset(head), bytes);
      await this.#device.flush();
      await this.#name({ ...head, ...position, logBytes: head.logBytes + bytes.length });
    } catch (error) {
      this.discard();
      throw error;
    }
  }

  /** Forgets the copy; it is made anew from the device when it is wanted. */
  discard(): void {
    this.#copy?.close();
    this.#copy = undefined;
    this.#at = undefined;
  }

  get #known(): LedgerHead {
    if (this.#head === undefined) throw new TypeError("no head was read");
    return this.#head;
  }

  async #readHeads(call?: StorageCall): Promise<FoundHeads> {
    const block = new Uint8Array(deviceBlockBytes);
    await this.#device.read(0, block, call);
    const heads = readHeads(block, this.#device.name);
    this.#block = block;
    this.#head = heads.newest;
    return heads;
  }

  /** @returns what is not as the head says */
  async #follow(head: LedgerHead, call?: StorageCall): Promise<string | undefined> {
    if (!isOn(head, this.#device)) return "the device is smaller than it was";
    const at = this.#startOf(head) ?? (await this.#load(head, call));
    if (at === undefined) return "its checkpoint is not what was written";
    const log = new Uint8Array(head.logBytes - at.logBytes);
    if (log.length > 0) await this.#device.read(logOffset({ ...head, logBytes: at.logBytes }), log, call);
    const records: Changes[] = [];
    let position: LogPosition = at;
    for (let offset = 0; offset < log.length; ) {
      const found = decodeRecord(position, log.subarray(offset));
      if (found === undefined) return `its record ${position.sequence + 1} is not what was written`;
      records.push(decodeChanges(found.payload));
      position = found.position;
      offset += found.bytes;
    }
    if (position.chain !== head.chain) return `its record ${head.sequence} is another than its head says`;
    if (records.length > 0 && !this.copy.apply(records)) return `a record before ${head.sequence} doesn't fit`;
    this.#at = { ...head, ...position };
    return undefined;
  }

  /** Where the copy can go on from; undefined where it can't. */
  #startOf(head: LedgerHead): At | undefined {
    const at = this.#at;
    const isOfIt = at?.id === head.id && at.generation === head.generation && at.logBytes <= head.logBytes;
    return isOfIt ? at : undefined;
  }

  async #load(head: LedgerHead, call?: StorageCall): Promise<At | undefined> {
    this.discard();
    const image = await readImage(this.#device, head, call);
    if (image === undefined) return undefined;
    const copy = await LedgerCopy.of(image);
    const { version } = copy;
    if (this.#version !== undefined && version !== this.#version) {
      copy.close();
      throw tooNew(`The ledger on ${this.#device.name} was brought to version ${version} while it was open.`);
    }
    this.#copy = copy;
    const { sequence, chain } = head.checkpoint;
    return { ...head, sequence, chain, logBytes: 0 };
  }

  async #format(begun: LedgerHead | undefined, call?: StorageCall): Promise<void> {
    if (begun === undefined) {
      await this.#refuseForeign(call);
      await this.#name(blankHead(this.#device));
    }
    this.discard();
    this.#copy = await LedgerCopy.of(new Uint8Array());
  }

  async #refuseForeign(call?: StorageCall): Promise<void> {
    const all = [{ offset: 0, length: this.#device.sizeBytes }];
    for (const { offset, length } of (await this.#device.written?.(call)) ?? all) {
      await this.#refuseWritten(offset, offset + length, call);
    }
  }

  async #refuseWritten(from: number, until: number, call: StorageCall | undefined): Promise<void> {
    const piece = Buffer.alloc(pieceBytes);
    const zeros = Buffer.alloc(pieceBytes);
    for (let offset = from; offset < until; offset += pieceBytes) {
      const part = piece.subarray(0, until - offset);
      await this.#device.read(offset, part, call);
      if (!part.equals(zeros.subarray(0, part.length))) {
        throw corrupt(this.#device.name, "it is no ledger, and not empty either; nothing was written to it");
      }
      call?.onMoved?.();
    }
  }

  /** Begins the other half with a checkpoint of the copy, which is at `position`. */
  async #turn({ sequence, chain }: LogPosition): Promise<void> {
    const before = this.#known;
    const half = nextHalf(this.#device, before.half);
    const { stored, imageBytes, digest } = packImage(await this.copy.image());
    if (stored.length > half.bytes || imageBytes > imageBytesMax) throw full(this.#device.name);
    await writeImage(this.#device, half.offset, stored);
    await this.#device.flush();
    const checkpoint = { storedBytes: stored.length, imageBytes, digest, sequence, chain };
    const next = { generation: before.generation + 1, half, checkpoint, logBytes: 0, sequence, chain };
    await this.#name({ ...before, ...next });
    // So that one damaged sector never leaves only the head of the other half.
    await this.#name({ ...before, ...next });
  }

  #isFull(bytes: number): boolean {
    const head = this.#known;
    const isLong = head.logBytes + bytes > Math.max(this.#logBytesMin, 2 * head.checkpoint.storedBytes);
    return isLong || bytes > roomBytes(head);
  }

  /** Writes the head that makes what was written count; the copy is at it. */
  async #name(head: LedgerHead): Promise<void> {
    const next = { ...head, number: this.#head === undefined ? 0 : this.#head.number + 1 };
    const block = withHead(this.#block, next);
    await this.#device.write(0, block);
    await this.#device.flush();
    this.#block = block;
    this.#head = next;
    this.#at = next;
  }

  /** The record behind the log's end, which a lost head may have named. */
  async #recordBehind(call?: StorageCall): Promise<FoundRecord | undefined> {
    const head = this.#known;
    const offset = logOffset(head);
    const room = roomBytes(head);
    if (room < deviceBlockBytes) return undefined;
    const block = new Uint8Array(deviceBlockBytes);
    await this.#device.read(offset, block, call);
    const bytes = new Uint8Array(Math.min(toldBytes(block), room));
    await this.#device.read(offset, bytes, call);
    return decodeRecord(head, bytes);
  }
}
