import fc from "fast-check";
import { VisibleError } from "../../../core/api/errors.ts";
import { Initiator } from "../initiator.ts";
import { paddingOf } from "../pdu/header.ts";
import { IdleTime } from "./idle-time.ts";
import { ScriptedTarget, scriptedName } from "./target.ts";

const casesAtOnce = 20;

const limits = {
  ...{ connectSeconds: 2, loginSeconds: 2, commandSeconds: 2, silenceSeconds: 1, answerSeconds: 1 },
  ...{ abortSeconds: 1, reconnects: 1, busyTries: 2, requestBytes: 4096 },
};

type Damage = (pdu: Buffer) => readonly Buffer[];

const changed = (pdu: Buffer, change: (copy: Buffer) => void): readonly Buffer[] => {
  const copy = Buffer.from(pdu);
  change(copy);
  return [copy];
};

/** One field of a header, by its place and bytes. */
const fields = [
  [0, 1, "opcode"],
  [1, 1, "flags"],
  [2, 1, "response"],
  [3, 1, "status"],
  [4, 1, "length of what nobody reads"],
  [5, 3, "length"],
  [16, 4, "tag"],
  [20, 4, "target's tag"],
  [24, 4, "StatSN"],
  [28, 4, "ExpCmdSN"],
  [32, 4, "MaxCmdSN"],
  [36, 4, "number, or login status"],
  [40, 4, "offset"],
  [44, 4, "length asked for"],
] as const;

const lyingNumber = fc.oneof(
  fc.nat(64),
  fc.nat(0xff_ffff),
  fc.constantFrom(0, 1, 8193, 262_145, 0xff_ffff, 0xffff_ffff),
);

const flipped = (byte: number, bits: number): Damage => {
  return (pdu) =>
    changed(pdu, (copy) => copy.writeUInt8(copy.readUInt8(byte % copy.length) ^ bits, byte % copy.length));
};

const lying = ([at, bytes]: (typeof fields)[number], lie: number): Damage => {
  return (pdu) => changed(pdu, (copy) => copy.writeUIntBE(lie % 256 ** bytes, at, bytes));
};

/** A header of chance that announces what follows. */
const another = (junk: Uint8Array, bodyBytes: number): Damage => {
  const header = Buffer.from(junk);
  header[4] = 0;
  header.writeUIntBE(bodyBytes, 5, 3);
  return () => [header, Buffer.alloc(bodyBytes + paddingOf(bodyBytes), 0x41)];
};

const damages: fc.Arbitrary<Damage> = fc.oneof(
  fc.tuple(fc.nat(47), fc.nat(7)).map(([byte, bit]) => flipped(byte, 1 << bit)),
  fc.nat(100_000).map((at) => flipped(at, 0x55)),
  fc.tuple(fc.constantFrom(...fields), lyingNumber).map(([field, lie]) => lying(field, lie)),
  fc.nat(100_000).map(
    (at): Damage =>
      (pdu) => [pdu.subarray(0, at % pdu.length)],
  ),
  fc.constant<Damage>((pdu) => [pdu, pdu]),
  fc.constant<Damage>(() => []),
  fc.uint8Array({ minLength: 1, maxLength: 100 }).map(
    (junk): Damage =>
      (pdu) => [Buffer.from(junk), pdu],
  ),
  fc.tuple(fc.uint8Array({ minLength: 48, maxLength: 48 }), fc.nat(300)).map(([junk, bytes]) => another(junk, bytes)),
);

/**
 * Which of the PDUs, of the login or later, is damaged, and whether the connection ends behind it.
 */
interface DamagedPdu {
  readonly index: number;
  readonly damage: Damage;
  readonly isLast: boolean;
}

const cases: fc.Arbitrary<DamagedPdu> = fc.record({ index: fc.nat(12), damage: damages, isLast: fc.boolean() });

/**
 * Damages so many PDUs of a target, one a session, and waits until each session has done what it
 * began, or failed. @returns with which codes. @throws what is no VisibleError
 */
export const damagePdus = async (count: number): Promise<{ damaged: number; codes: ReadonlySet<string> }> => {
  const codes = new Set<string>();
  let damaged = 0;
  const content = Buffer.alloc(16_384, "content");

  const attempt = async ({ index, damage, isLast }: DamagedPdu) => {
    const target = await ScriptedTarget.listen({}, 16_384);
    let isDone = false;
    target.script = {
      pieceBytes: 1500,
      damage: (pdu, at) => {
        if (at !== index || isDone) return [pdu];
        isDone = true;
        damaged += 1;
        if (isLast) setImmediate(() => target.sessions.at(-1)?.socket.end());
        return damage(pdu);
      },
    };
    const time = new IdleTime(() => target.happened);
    const initiator = new Initiator({ portals: [target], initiatorName: "iqn.2020-01.test:us", limits, time });
    const use = async () => {
      const lun = await initiator.openLun({ targetName: scriptedName, lun: 1 });
      await lun.write(0, content);
      await lun.read(0, Buffer.alloc(content.length));
    };
    try {
      await time.passWhile(use());
    } catch (error) {
      if (!VisibleError.is(error)) throw error;
      codes.add(error.code);
    } finally {
      await time.passWhile(initiator.close());
      target.close();
    }
  };
  await fc.assert(
    fc.asyncProperty(fc.array(cases, { minLength: casesAtOnce, maxLength: casesAtOnce }), async (all) => {
      await Promise.all(all.map(attempt));
    }),
    { numRuns: count / casesAtOnce, endOnFailure: true },
  );
  return { damaged, codes };
};
