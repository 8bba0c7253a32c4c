// Makes pictures of pages small: the same picture with a palette of at most 256 colours, which pages, being mostly flat, look the same with.
import { crc32, deflateSync, inflateSync } from 'node:zlib';

interface Picture {
  width: number;
  height: number;
  /** Three bytes a pixel. */
  pixels: Buffer;
}

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** @param png of 8 bits a channel, with or without transparency, as browsers make them @returns the same, smaller */
export function smallPng(png: Buffer): Buffer {
  const picture = read(png);
  const { palette, indexes } = toPalette(picture);
  const { width, height } = picture;
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++) indexes.copy(rows, y * (width + 1) + 1, y * width, (y + 1) * width);
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  // 8 bits, by palette.
  head.set([8, 3, 0, 0, 0], 8);
  const parts = [
    chunk('IHDR', head),
    chunk('PLTE', palette),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ];
  return Buffer.concat([signature, ...parts]);
}

function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type), data]);
  const whole = Buffer.alloc(named.length + 8);
  whole.writeUInt32BE(data.length, 0);
  named.copy(whole, 4);
  whole.writeUInt32BE(crc32(named), named.length + 4);
  return whole;
}

function read(png: Buffer): Picture {
  const [width, height, channels] = [png.readUInt32BE(16), png.readUInt32BE(20), png[25] === 6 ? 4 : 3];
  const data: Buffer[] = [];
  for (let at = 8; at < png.length; at += png.readUInt32BE(at) + 12)
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT')
      data.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  const raw = inflateSync(Buffer.concat(data));
  const stride = width * channels;
  const lines = Buffer.alloc(stride * height);
  for (let y = 0; y < height; y++) unfilter(raw, lines, { y, stride, channels });
  const pixels = Buffer.alloc(width * height * 3);
  for (let n = 0; n < width * height; n++) lines.copy(pixels, n * 3, n * channels, n * channels + 3);
  return { width, height, pixels };
}

function unfilter(
  raw: Buffer,
  lines: Buffer,
  { y, stride, channels }: { y: number; stride: number; channels: number },
): void {
  const filter = raw[y * (stride + 1)];
  for (let x = 0; x < stride; x++) {
    const left = x < channels ? 0 : (lines[y * stride + x - channels] ?? 0);
    const up = y === 0 ? 0 : (lines[(y - 1) * stride + x] ?? 0);
    const corner = y === 0 || x < channels ? 0 : (lines[(y - 1) * stride + x - channels] ?? 0);
    const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter ?? 0] ?? 0;
    lines[y * stride + x] = (raw[y * (stride + 1) + 1 + x] ?? 0) + guess;
  }
}

function paeth(left: number, up: number, corner: number): number {
  const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
  return a <= b && a <= c ? left : b <= c ? up : corner;
}

/** The 256 colours that are there most, and each other one by the nearest of these. */
function toPalette({ pixels }: Picture): { palette: Buffer; indexes: Buffer } {
  const counts = new Map<number, number>();
  const colours = new Uint32Array(pixels.length / 3);
  for (let n = 0; n < colours.length; n++) {
    const colour = pixels.readUIntBE(n * 3, 3);
    colours[n] = colour;
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  const chosen = choose(counts);
  const palette = Buffer.alloc(chosen.length * 3);
  for (const [n, colour] of chosen.entries()) palette.writeUIntBE(colour, n * 3, 3);
  const nearest = new Map<number, number>();
  for (const colour of counts.keys()) nearest.set(colour, nearestOf(chosen, colour));
  const indexes = Buffer.alloc(colours.length);
  for (const [n, colour] of colours.entries()) indexes[n] = nearest.get(colour) ?? 0;
  return { palette, indexes };
}

/** Colours that stand for many pixels, none of them close to another that was chosen before. */
function choose(counts: ReadonlyMap<number, number>): number[] {
  const byCount = [...counts].toSorted(([a, m], [b, n]) => n - m || a - b).map(([colour]) => colour);
  for (const apart of [0, 60, 150, 400, 900, 2_000]) {
    const chosen: number[] = [];
    for (const colour of byCount) {
      if (chosen.every(other => distance(other, colour) > apart)) chosen.push(colour);
      if (chosen.length > 256) break;
    }
    if (chosen.length <= 256) return chosen;
  }
  return byCount.slice(0, 256);
}

function nearestOf(chosen: readonly number[], colour: number): number {
  let best = 0;
  for (const [n, other] of chosen.entries())
    if (distance(other, colour) < distance(chosen[best] ?? 0, colour)) best = n;
  return best;
}

function distance(a: number, b: number): number {
  const [r, g, l] = [(a >> 16) - (b >> 16), ((a >> 8) & 255) - ((b >> 8) & 255), (a & 255) - (b & 255)];
  return r * r + g * g + l * l;
}
