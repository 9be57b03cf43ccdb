{#- Measures of a score against a boolean label. Where the label is NULL, so is the measure of the row. -#}


{#- The rank of a score within its group, ties at the middle of their ranks; a window expression. -#}
{% macro rank_mid_ties(score, group) %}
    (
        rank() over (partition by {{ group }} order by {{ score }})
        + (count(*) over (partition by {{ group }} order by {{ score }}
                          range between current row and current row) - 1) / 2
    )
{% endmacro %}


{#- The area under the ROC curve, exact: from the sum of the positives' `rank_mid_ties` and the numbers of
    positives and negatives. NULL where one class is missing. -#}
{% macro auc(positive_rank_sum, positives, negatives) %}
    try_divide(
        {{ positive_rank_sum }} - {{ positives }} * ({{ positives }} + 1) / 2,
        {{ positives }} * {{ negatives }}
    )
{% endmacro %}


{#- A row's log loss in nats; scores are kept off 0 and 1 by 1e-15. -#}
{% macro log_loss(score, label) %}
    case
        when {{ label }} then -ln(greatest({{ score }}, 1e-15D))
        when not {{ label }} then -ln(greatest(1 - {{ score }}, 1e-15D))
    end
{% endmacro %}


{#- A row's squared distance of score to label: its Brier score. -#}
{% macro brier(score, label) %}
    power({{ score }} - cast({{ label }} as int), 2)
{% endmacro %}
