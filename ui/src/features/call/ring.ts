// The ring of an incoming call: two soft tones every three seconds, made here, so that no file need be loaded.

const EVERY_MS = 3_000;
const TONES_HZ = [587.3, 740] as const;
const TONE_S = 0.35;
const LOUDNESS = 0.12;

/** Rings until what it answers is called. Where the system lets no page make a sound unasked, it is silent. */
export function ring(): () => void {
  if (typeof AudioContext === "undefined") return () => undefined;
  const context = new AudioContext();
  function once(): void {
    TONES_HZ.forEach((hertz, at) => {
      const start = context.currentTime + at * TONE_S;
      const tone = new OscillatorNode(context, { type: "sine", frequency: hertz });
      const gain = new GainNode(context, { gain: 0 });
      gain.gain.setValueAtTime(0, start);
      gain.gain.linearRampToValueAtTime(LOUDNESS, start + 0.03);
      gain.gain.linearRampToValueAtTime(0, start + TONE_S);
      tone.connect(gain).connect(context.destination);
      tone.start(start);
      tone.stop(start + TONE_S);
    });
  }
  once();
  const timer = setInterval(once, EVERY_MS);
  return () => {
    clearInterval(timer);
    void context.close();
  };
}
