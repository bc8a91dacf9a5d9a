// The land of the earth as two paths: Natural Earth 1 : 110 000 000 (public domain), as world-atlas packs it.
//
// Projected once into units of a degree, with the north up; the map moves and scales them by transform. d3-geo cuts what
// crosses the antimeridian, so that Fiji and Chukotka do not smear across the world.
import { geoEquirectangular, geoPath, type GeoContext } from "d3-geo";
import { feature, mesh } from "topojson-client";
import type { GeometryCollection, Topology } from "topojson-specification";
import atlas from "world-atlas/countries-110m.json";

/** d3's unit is a radian. */
const UNITS = 180 / Math.PI;

export type Land = { land: Path2D; borders: Path2D };

let drawn: Land | null = null;

export function worldLand(): Land {
  drawn ??= draw();
  return drawn;
}

function draw(): Land {
  const topology = atlas as unknown as Topology<{ countries: GeometryCollection; land: GeometryCollection }>;
  const projection = geoEquirectangular().scale(UNITS).translate([0, 0]).precision(0.1);
  const into = (path: Path2D): GeoContext => path as unknown as GeoContext;
  const land = new Path2D();
  geoPath(projection, into(land))(feature(topology, topology.objects.land));
  const borders = new Path2D();
  geoPath(projection, into(borders))(mesh(topology, topology.objects.countries, (a, b) => a !== b));
  return { land, borders };
}
