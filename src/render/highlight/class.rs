//! The kinds of token that get a span.

/// What a piece of code is. The short names are those of Pygments, which the style sheets of Pygments, of Rouge and of
/// Chroma share; what has no name here (blanks, punctuation, ordinary names) has no span either, which halves the HTML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Class {
    Plain,
    Keyword,
    Declaration,
    Import,
    Constant,
    Type,
    WordOperator,
    Builtin,
    Function,
    TypeName,
    Namespace,
    ConstantName,
    Tag,
    Attribute,
    Decorator,
    Variable,
    Label,
    String,
    Escape,
    Interpolation,
    Regex,
    Symbol,
    Number,
    Comment,
    Preprocessor,
    Inserted,
    Deleted,
    Heading,
    Subheading,
    Prompt,
    Output,
    Emphasis,
    Strong,
}

impl Class {
    /// The start tag, whole, so that it is written in one go.
    pub(super) const fn start_tag(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Keyword => "<span class=\"k\">",
            Self::Declaration => "<span class=\"kd\">",
            Self::Import => "<span class=\"kn\">",
            Self::Constant => "<span class=\"kc\">",
            Self::Type => "<span class=\"kt\">",
            Self::WordOperator => "<span class=\"ow\">",
            Self::Builtin => "<span class=\"nb\">",
            Self::Function => "<span class=\"nf\">",
            Self::TypeName => "<span class=\"nc\">",
            Self::Namespace => "<span class=\"nn\">",
            Self::ConstantName => "<span class=\"no\">",
            Self::Tag => "<span class=\"nt\">",
            Self::Attribute => "<span class=\"na\">",
            Self::Decorator => "<span class=\"nd\">",
            Self::Variable => "<span class=\"nv\">",
            Self::Label => "<span class=\"nl\">",
            Self::String => "<span class=\"s\">",
            Self::Escape => "<span class=\"se\">",
            Self::Interpolation => "<span class=\"si\">",
            Self::Regex => "<span class=\"sr\">",
            Self::Symbol => "<span class=\"ss\">",
            Self::Number => "<span class=\"m\">",
            Self::Comment => "<span class=\"c\">",
            Self::Preprocessor => "<span class=\"cp\">",
            Self::Inserted => "<span class=\"gi\">",
            Self::Deleted => "<span class=\"gd\">",
            Self::Heading => "<span class=\"gh\">",
            Self::Subheading => "<span class=\"gu\">",
            Self::Prompt => "<span class=\"gp\">",
            Self::Output => "<span class=\"go\">",
            Self::Emphasis => "<span class=\"ge\">",
            Self::Strong => "<span class=\"gs\">",
        }
    }
}
