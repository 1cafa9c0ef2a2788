import type { Geometry } from "../api/object/volume-shape.ts";

/**
 * Where the bytes of a striped volume lie in its extent table. The formula is the one ZBS uses:
 * with stripe size `ss`, stripe count `sn` and extent size `ES`, byte `o` of the volume is in group
 * `g = o div (sn·ES)`, in stripe `b = (o mod (sn·ES)) div ss`, so in extent `g·sn + b mod sn` at
 * `(b div sn)·ss + o mod ss`.
 *
 * All numbers are bytes below 2^53, so doubles are exact.
 */
export interface ExtentLocation {
  readonly extent: number;
  readonly offsetInExtent: number;
  /** Bytes from here on that are neighbours both in the volume and in the extent. */
  readonly contiguousBytes: number;
}

/** A range of the volume that is contiguous in one of its extents. */
export interface ExtentRange {
  /** In the volume. */
  readonly offset: number;
  readonly length: number;
  readonly offsetInExtent: number;
}

/** Where byte `offset` of the volume lies. */
export const locate = (geometry: Geometry, offset: number): ExtentLocation => {
  const { extentBytes, stripeCount, stripeBytes } = geometry;
  if (stripeCount === 1) {
    const offsetInExtent = offset % extentBytes;
    return {
      extent: (offset - offsetInExtent) / extentBytes,
      offsetInExtent,
      contiguousBytes: extentBytes - offsetInExtent,
    };
  }
  const groupBytes = stripeCount * extentBytes;
  const offsetInGroup = offset % groupBytes;
  const offsetInStripe = offset % stripeBytes;
  const stripe = (offsetInGroup - offsetInStripe) / stripeBytes;
  const column = stripe % stripeCount;
  return {
    extent: ((offset - offsetInGroup) / groupBytes) * stripeCount + column,
    offsetInExtent: ((stripe - column) / stripeCount) * stripeBytes + offsetInStripe,
    contiguousBytes: stripeBytes - offsetInStripe,
  };
};

/**
 * The size that the extent table covers:
 * `sizeBytes` rounded up to whole groups of `stripeCount` extents.
 */
export const roundedSizeBytes = (geometry: Geometry, sizeBytes: number): number => {
  const groupBytes = geometry.stripeCount * geometry.extentBytes;
  return Math.ceil(sizeBytes / groupBytes) * groupBytes;
};

/** How many extents a volume of `sizeBytes` has in its table. */
export const extentCount = (geometry: Geometry, sizeBytes: number): number =>
  roundedSizeBytes(geometry, sizeBytes) / geometry.extentBytes;

/**
 * The ranges of the volume that make up an extent, in the extent's own order; together they are
 * `extentBytes` long. They reach past `sizeBytes` where the size was rounded up. One range when the
 * volume is not striped, else one a stripe.
 * @throws RangeError when a volume of `sizeBytes` has no such extent
 */
export const extentRanges = (geometry: Geometry, sizeBytes: number, extent: number): readonly ExtentRange[] => {
  if (!Number.isInteger(extent) || extent < 0 || extent >= extentCount(geometry, sizeBytes)) {
    throw new RangeError(`a volume of ${sizeBytes} bytes has no extent ${extent}`);
  }
  const { extentBytes, stripeCount, stripeBytes } = geometry;
  if (stripeCount === 1) return [{ offset: extent * extentBytes, length: extentBytes, offsetInExtent: 0 }];
  const column = extent % stripeCount;
  const start = (extent - column) * extentBytes + column * stripeBytes;
  return Array.from({ length: extentBytes / stripeBytes }, (_, row) => ({
    offset: start + row * stripeCount * stripeBytes,
    length: stripeBytes,
    offsetInExtent: row * stripeBytes,
  }));
};
