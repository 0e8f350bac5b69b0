/** The program of this major version of Node. */
export declare function nodeOf(major: string): string;
