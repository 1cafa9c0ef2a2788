import type { Geometry } from "../api/object.ts";

/** The unit of hashing, and of a write-once block in an extentstore. Divides every stripe. */
export const blockBytes = 64 * 1024;

/** A ZBS extent: 256 MiB. */
export const zbsExtentBytes = 256 * 1024 * 1024;

/** What a volume is made with when nobody says otherwise: not striped. */
export const plainGeometry: Geometry = { extentBytes: zbsExtentBytes, stripeCount: 1, stripeBytes: zbsExtentBytes };
