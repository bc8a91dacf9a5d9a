// Drawing a picture onto a canvas: by WebGL 2, where the graphics card turns I420 into colours and scales, and by hand
// where there is none. BT.601 with limited range, as cameras and VP8 have it.
import { halved, type Picture } from "@/client/pictures";

export interface Painter {
  draw(picture: Picture): void;
  /** Gives back what it holds of the graphics card. The canvas is of no use after it. */
  free(): void;
}

const VERTEX = `#version 300 es
out vec2 at;
void main() {
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
  at = vec2(corner.x, 1.0 - corner.y);
  gl_Position = vec4(corner * 2.0 - 1.0, 0.0, 1.0);
}`;

// Where a side is odd, the planes of colour reach half a pixel over the picture: `reach` leaves that out.
const FRAGMENT = `#version 300 es
precision highp float;
uniform sampler2D light;
uniform sampler2D blue;
uniform sampler2D red;
uniform vec2 reach;
in vec2 at;
out vec4 colour;
void main() {
  float y = 1.164383 * (texture(light, at).r - 0.062745);
  float u = texture(blue, at * reach).r - 0.501961;
  float v = texture(red, at * reach).r - 0.501961;
  colour = vec4(y + 1.596027 * v, y - 0.391762 * u - 0.812968 * v, y + 2.017232 * u, 1.0);
}`;

const PLANES = ["light", "blue", "red"] as const;

/** `null` where the system has no WebGL 2, or none left. */
export function paintByCard(canvas: HTMLCanvasElement): Painter | null {
  const gl = canvas.getContext("webgl2", { alpha: false, antialias: false, depth: false, stencil: false, powerPreference: "low-power" });
  if (gl === null) return null;
  const program = link(gl);
  if (program === null) return null;
  gl.useProgram(program);
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  const reach = gl.getUniformLocation(program, "reach");
  let textures: readonly WebGLTexture[] = [];
  let width = 0;
  let height = 0;

  /** Textures of a size are made once, and a picture of the same size only fills them. */
  function measure(picture: Picture): void {
    if (gl === null || program === null) return;
    for (const texture of textures) gl.deleteTexture(texture);
    ({ width, height } = picture);
    const sides = [[width, height], [halved(width), halved(height)], [halved(width), halved(height)]] as const;
    textures = PLANES.map((name, unit) => {
      const texture = gl.createTexture();
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.bindTexture(gl.TEXTURE_2D, texture);
      gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
      gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
      gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
      gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
      gl.texStorage2D(gl.TEXTURE_2D, 1, gl.R8, sides[unit]?.[0] ?? 1, sides[unit]?.[1] ?? 1);
      gl.uniform1i(gl.getUniformLocation(program, name), unit);
      return texture;
    });
    gl.uniform2f(reach, width / 2 / halved(width), height / 2 / halved(height));
    canvas.width = width;
    canvas.height = height;
    gl.viewport(0, 0, width, height);
  }

  return {
    draw(picture) {
      if (gl.isContextLost()) return;
      if (picture.width !== width || picture.height !== height) measure(picture);
      fill(0, picture.y, width, height);
      fill(1, picture.u, halved(width), halved(height));
      fill(2, picture.v, halved(width), halved(height));
      gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
    },
    free() {
      // A page has few of them, and a canvas that is gone keeps its own until memory is looked through.
      gl.getExtension("WEBGL_lose_context")?.loseContext();
    },
  };

  function fill(unit: number, plane: Uint8Array, planeWidth: number, planeHeight: number): void {
    gl?.activeTexture(gl.TEXTURE0 + unit);
    gl?.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, planeWidth, planeHeight, gl.RED, gl.UNSIGNED_BYTE, plane);
  }
}

function link(gl: WebGL2RenderingContext): WebGLProgram | null {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]] as const) {
    const shader = gl.createShader(kind);
    if (shader === null) return null;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
    gl.deleteShader(shader);
  }
  gl.linkProgram(program);
  return gl.getProgramParameter(program, gl.LINK_STATUS) === true ? program : null;
}

export function paintByHand(canvas: HTMLCanvasElement): Painter | null {
  const context = canvas.getContext("2d", { alpha: false });
  if (context === null) return null;
  let image: ImageData | null = null;
  return {
    draw(picture) {
      const { width, height } = picture;
      if (image?.width !== width || image.height !== height) {
        canvas.width = width;
        canvas.height = height;
        image = context.createImageData(width, height);
      }
      convert(picture, image.data);
      context.putImageData(image, 0, 0);
    },
    free: () => undefined,
  };
}

/** I420 to RGBA, in whole numbers of 16 bits behind the point. */
export function convert({ width, height, y, u, v }: Picture, rgba: Uint8ClampedArray): void {
  const colourWidth = halved(width);
  let to = 0;
  for (let row = 0; row < height; row += 1) {
    const from = row * width;
    const colours = (row >> 1) * colourWidth;
    for (let column = 0; column < width; column += 1) {
      const light = 76_309 * ((y[from + column] ?? 0) - 16) + 32_768;
      const blue = (u[colours + (column >> 1)] ?? 0) - 128;
      const red = (v[colours + (column >> 1)] ?? 0) - 128;
      rgba[to] = (light + 104_597 * red) >> 16;
      rgba[to + 1] = (light - 25_674 * blue - 53_279 * red) >> 16;
      rgba[to + 2] = (light + 132_201 * blue) >> 16;
      rgba[to + 3] = 255;
      to += 4;
    }
  }
}
