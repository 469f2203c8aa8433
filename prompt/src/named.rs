//! Enums whose values are clips.

/// An enum of which every value has a clip of a name in every language.
macro_rules! named {
    ($(#[$outer:meta])* $name:ident { $($(#[$inner:meta])* $variant:ident = $clip:literal,)+ }) => {
        $(#[$outer])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$inner])* $variant,)+ }

        impl $name {
            /// All of them, in order.
            pub const ALL: [Self; [$($clip),+].len()] = [$(Self::$variant),+];

            /// The name of its clip in every language.
            pub const fn clip(self) -> &'static str {
                match self { $(Self::$variant => $clip,)+ }
            }
        }
    };
}
