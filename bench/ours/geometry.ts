import type { Geometry } from "../../core/api/object/volume-shape.ts";
import { plainGeometry } from "../../core/extent/geometry.ts";
import type { Workload } from "../cases/cases.ts";

const stripes = { stripeCount: 4, stripeBytes: 256 * 1024 };

/** How a volume of a kind lies in its extents. */
export const geometryOf = (volume: Workload["volume"], extentBytes: number): Geometry =>
  volume === "striped" ? { extentBytes, ...stripes } : { ...plainGeometry, extentBytes, stripeBytes: extentBytes };
