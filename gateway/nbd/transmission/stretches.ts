import assert from "node:assert";
import type { NbdExport } from "../export.ts";
import type { ByteRange } from "./parts.ts";

/** A range of an export that is all hole, or has none. */
export interface Stretch extends ByteRange {
  readonly isHole: boolean;
}

/**
 * What lies in a range, in order, neighbours of one kind together. It may end before the range,
 * when the export was asked `lookupsMax` times.
 */
export async function* stretchesIn(
  served: Pick<NbdExport, "extents">,
  range: ByteRange & { readonly lookupsMax?: number },
): AsyncGenerator<Stretch, void, void> {
  const end = range.offset + range.length;
  let held: Stretch | undefined;
  let at = range.offset;
  for (let lookups = 0; at < end && lookups < (range.lookupsMax ?? Number.POSITIVE_INFINITY); lookups++) {
    const before = at;
    for (const { length, isHole } of await served.extents(at, end - at)) {
      const stretch = { offset: at, length: Math.min(length, end - at), isHole };
      at += stretch.length;
      if (held === undefined) held = stretch;
      else if (held.isHole === isHole) held = { ...held, length: held.length + stretch.length };
      else {
        yield held;
        held = stretch;
      }
    }
    assert(at > before, "an export says nothing of a range");
  }
  if (held !== undefined && held.length > 0) yield held;
}
