import { extentCount, type Geometry } from "../api/object/volume-shape.ts";

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
export const roundedSizeBytes = (geometry: Geometry, sizeBytes: number): number =>
  extentCount(geometry, sizeBytes) * geometry.extentBytes;

/** @throws RangeError when a volume of `sizeBytes` has no such extent */
export const assertExtent = (geometry: Geometry, sizeBytes: number, extent: number): void => {
  if (Number.isInteger(extent) && extent >= 0 && extent < extentCount(geometry, sizeBytes)) return;
  throw new RangeError(`a volume of ${sizeBytes} bytes has no extent ${extent}`);
};

/**
 * The ranges of the volume that `length` bytes of an extent from its byte `offset` on lie in, in
 * the extent's own order. They reach past the volume's size where that was rounded up. One range
 * when the volume is not striped, else one a stripe.
 */
export function* partsOf(
  { extentBytes, stripeCount, stripeBytes }: Geometry,
  extent: number,
  { offset, length }: { readonly offset: number; readonly length: number },
): Generator<ExtentRange, void, void> {
  const column = extent % stripeCount;
  const start = (extent - column) * extentBytes;
  const rowBytes = stripeCount === 1 ? extentBytes : stripeBytes;
  const end = offset + length;
  for (let from = offset; from < end; ) {
    const inRow = from % rowBytes;
    const to = Math.min(end, from - inRow + rowBytes);
    const row = (from - inRow) / rowBytes;
    yield {
      offset: start + (row * stripeCount + column) * rowBytes + inRow,
      length: to - from,
      offsetInExtent: from,
    };
    from = to;
  }
}

/**
 * All ranges of an extent.
 * @throws RangeError when a volume of `sizeBytes` has no such extent
 */
export const extentRanges = (geometry: Geometry, sizeBytes: number, extent: number): readonly ExtentRange[] => {
  assertExtent(geometry, sizeBytes, extent);
  return [...partsOf(geometry, extent, { offset: 0, length: geometry.extentBytes })];
};
