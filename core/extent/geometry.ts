import type { Geometry } from "../api/object/volume-shape.ts";

const blockBits = 16;

/** The unit of hashing, and of a write-once block in an extentstore. Divides every stripe. */
export const blockBytes = 2 ** blockBits;

/**
 * The block that byte `offset` of an extent is in. A shift and no division: V8 compiles what it is
 * used for anew when a quotient, which may have a fraction, turns up where whole numbers were.
 */
export const blockAt = (offset: number): number => offset >>> blockBits;

/** A ZBS extent: 256 MiB. */
export const zbsExtentBytes = 256 * 1024 * 1024;

/** What a volume is made with when nobody says otherwise: not striped. */
export const plainGeometry: Geometry = { extentBytes: zbsExtentBytes, stripeCount: 1, stripeBytes: zbsExtentBytes };
